"""What accounts began their UTC days with, and which days are locked."""

from django.contrib import admin

from adminpanel.admin.base import ReadOnlyAdmin
from adminpanel.admin.columns import MODE_COLOURS, badge_column, link_column, time_column, usd_column
from trading.models import DayOpening


@admin.register(DayOpening)
class DayOpeningAdmin(ReadOnlyAdmin):
    """The equity that a day's loss is measured from."""

    list_display = ("day", "trader_link", "mode_badge", "equity", "free", "collateral", "unrealised", "locked")
    list_display_links = ("day",)
    list_filter = ("mode", ("locked_at", admin.EmptyFieldListFilter))
    search_fields = ("trader__first_name", "trader__username", "=trader__telegram_id")
    list_select_related = ("trader",)
    ordering = ("-id",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("trader_link", "day", "mode_badge"),
                    ("equity", "free", "collateral", "unrealised"),
                    ("deposited", "prices"),
                    ("written", "locked"),
                )
            },
        ),
    )
    trader_link = link_column("trader")
    mode_badge = badge_column("mode", MODE_COLOURS, "mode")
    equity = usd_column("equity_usd", "equity at 00:00")
    free = usd_column("free_usd", "free")
    collateral = usd_column("collateral_usd")
    unrealised = usd_column("unrealised_usd", "unrealised PnL")
    deposited = usd_column("deposited_usd", "deposits in it")
    written = time_column("created_at", "written down")
    locked = time_column("locked_at", "locked")
