"""What accounts began their days with, which the daily lock rests on."""

from django.contrib import admin

from adminpanel.admin.base import ReadOnlyAdmin
from adminpanel.admin.columns import (
    MODE_COLOURS,
    badge_column,
    date_column,
    json_column,
    link_column,
    time_column,
    usd_column,
)
from trading.models import DayOpening


@admin.register(DayOpening)
class DayOpeningAdmin(ReadOnlyAdmin):
    """Written when the day's first decision needs it; the lock is added when the day's loss reaches its limit."""

    nothing_yet = "No day was opened yet: the first order of a day writes this down."
    list_display = ("day_shown", "trader_link", "mode_badge", "equity", "free", "collateral", "unrealised", "locked")
    list_filter = (("locked_at", admin.EmptyFieldListFilter), "mode", "day")
    search_fields = ("trader__first_name", "trader__username", "=trader__telegram_id")
    search_help_text = "Trader or Telegram id"
    list_select_related = ("trader",)
    ordering = ("-day", "-id")
    fieldsets = (
        (None, {"fields": (("day_shown", "trader_link", "mode_badge"), ("locked", "written"))}),
        ("At 00:00 UTC", {"fields": (("equity", "free"), ("collateral", "unrealised"), "deposited", "prices_shown")}),
    )
    day_shown = date_column("day", "day")
    trader_link = link_column("trader")
    mode_badge = badge_column("mode", MODE_COLOURS, "mode")
    equity = usd_column("equity_usd", "equity")
    free = usd_column("free_usd")
    collateral = usd_column("collateral_usd")
    unrealised = usd_column("unrealised_usd", "unrealised PnL")
    deposited = usd_column("deposited_usd", "deposits less withdrawals")
    prices_shown = json_column("prices", "prices")
    locked = time_column("locked_at", "locked")
    written = time_column("created_at", "written down")
