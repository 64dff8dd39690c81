"""Positions and the fills that made them."""

from django.contrib import admin

from adminpanel.admin.base import ReadOnlyAdmin, ReadOnlyInline
from adminpanel.admin.columns import (
    MODE_COLOURS,
    SIDE_COLOURS,
    STATE_COLOURS,
    badge_column,
    codes_column,
    link_column,
    number_column,
    number_link_column,
    price_column,
    row_number_column,
    side_column,
    text_column,
    time_column,
    usd_column,
)
from trading.models import Fill, Order, Position

STATUS_COLOURS = {"open": "info", "closed": "", "liquidated": "danger"}


class FillInline(ReadOnlyInline):
    """Executions of this position."""

    model = Fill
    verbose_name_plural = "Fills"
    fields = ("filled_at", "order_link", "price_shown", "collateral", "notional", "fee", "accrued", "pnl")
    readonly_fields = fields
    filled_at = time_column("at")
    order_link = link_column("order")
    price_shown = price_column("price")
    collateral = usd_column("collateral_usd")
    notional = usd_column("notional_usd")
    fee = usd_column("fee_usd")
    accrued = usd_column("accrued_usd")
    pnl = usd_column("pnl_usd", "realised PnL")


class OrderInline(ReadOnlyInline):
    """Orders that opened or closed this position."""

    model = Order
    fk_name = "position"
    verbose_name_plural = "Orders"
    fields = ("created", "kind", "state_badge", "collateral", "why", "trace")
    readonly_fields = fields
    created = time_column("created_at", "created")
    why = codes_column("reason")
    trace = text_column("trace_id")
    state_badge = badge_column("state", STATE_COLOURS, "state")
    collateral = usd_column("collateral_usd")


@admin.register(Position)
class PositionAdmin(ReadOnlyAdmin):
    """Isolated margin in one market."""

    list_display = (
        "number",
        "opened",
        "trader_link",
        "market_link",
        "side_shown",
        "status_badge",
        "collateral",
        "entry",
        "realised",
    )
    list_display_links = ("number",)
    list_filter = ("status", "side", "mode", "market")
    search_fields = ("=id", "trader__first_name", "trader__username", "=trader__telegram_id", "market__symbol")
    list_select_related = ("trader", "market")
    ordering = ("-id",)
    inlines = (FillInline, OrderInline)
    fieldsets = (
        (
            "Position",
            {
                "fields": (
                    ("trader_link", "market_link"),
                    ("side_badge", "status_badge", "mode_badge"),
                    ("opened", "closed", "ended_by_shown"),
                )
            },
        ),
        (
            "Size",
            {"fields": (("collateral", "times", "notional"), ("accrued", "accrued_until", "realised"))},
        ),
        ("Prices", {"fields": (("entry", "liquidation"), ("stop", "take"))}),
    )
    number = row_number_column("position")
    side_shown = side_column()
    opened = time_column("opened_at", "opened")
    closed = time_column("closed_at", "closed")
    ended_by_shown = codes_column("ended_by", "ended by")
    trader_link = link_column("trader")
    market_link = link_column("market")
    side_badge = badge_column("side", SIDE_COLOURS, "side")
    status_badge = badge_column("status", STATUS_COLOURS, "status")
    mode_badge = badge_column("mode", MODE_COLOURS, "mode")
    collateral = usd_column("collateral_usd")
    notional = usd_column("notional_usd")
    times = number_column("leverage", unit="x")
    entry = price_column("entry_price", "entry")
    liquidation = price_column("liquidation_price", "liquidation")
    stop = price_column("stop_loss")
    take = price_column("take_profit")
    accrued = usd_column("accrued_usd", "rollover and funding owed")
    realised = usd_column("realised_pnl_usd", "realised PnL")


@admin.register(Fill)
class FillAdmin(ReadOnlyAdmin):
    """Executions on a venue."""

    list_display = (
        "id",
        "filled_at",
        "order_number",
        "position_number",
        "price_shown",
        "collateral",
        "notional",
        "fee",
        "accrued",
        "pnl",
    )
    list_display_links = ("id",)
    list_filter = ("order__kind", "order__mode", "order__market")
    search_fields = ("=venue_fill_id", "=order__id", "=order__trace_id", "order__trader__username")
    list_select_related = ("order", "position")
    ordering = ("-id",)
    fieldsets = (
        ("Fill", {"fields": (("filled_at", "order_link", "position_link"), "venue_fill_id")}),
        (
            "Money",
            {"fields": (("price_shown", "collateral", "notional"), ("fee", "accrued", "pnl"))},
        ),
    )
    filled_at = time_column("at")
    order_link = link_column("order")
    order_number = number_link_column("order")
    position_link = link_column("position")
    position_number = number_link_column("position")
    price_shown = price_column("price")
    collateral = usd_column("collateral_usd")
    notional = usd_column("notional_usd")
    fee = usd_column("fee_usd")
    accrued = usd_column("accrued_usd", "accrued paid")
    pnl = usd_column("pnl_usd", "realised PnL")
