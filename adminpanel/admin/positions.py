"""Positions and the fills that made them."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.decorators import display

from adminpanel.admin.base import ReadOnlyAdmin, ReadOnlyInline
from adminpanel.admin.columns import (
    MODE_COLOURS,
    NOTHING,
    SIDE_COLOURS,
    STATE_COLOURS,
    badge,
    badge_column,
    codes_column,
    figure,
    json_column,
    link_column,
    money,
    number_column,
    number_link_column,
    price_column,
    row_number_column,
    side_column,
    text_column,
    time_column,
    two_lines,
    usd_column,
)
from adminpanel.marked import Standing, standings
from trading.models import Fill, Order, Position, PositionEvent
from vanta.money import format_percent, format_price

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


class ChangeInline(ReadOnlyInline):
    """Margin that was moved and stops that were changed, by whom."""

    model = PositionEvent
    verbose_name_plural = "Changes"
    fields = ("changed", "kind", "order_link", "detail_shown", "trace")
    readonly_fields = fields
    show_change_link = False
    changed = time_column("at")
    order_link = link_column("order")
    detail_shown = json_column("detail")
    trace = text_column("trace_id")


@admin.register(Position)
class PositionAdmin(ReadOnlyAdmin):
    """Isolated margin in one market."""

    list_display = (
        "number",
        "opened",
        "trader_link",
        "market_link",
        "side_shown",
        "collateral",
        "entry",
        "liquidation_now",
        "pnl",
    )
    list_display_links = ("number",)
    list_filter = ("status", "side", "mode", "market", ("buffer_entered_at", admin.EmptyFieldListFilter), "opened_at")
    search_fields = ("=id", "trader__first_name", "trader__username", "=trader__telegram_id", "market__symbol")
    list_select_related = ("trader", "market")
    ordering = ("-id",)
    inlines = (FillInline, OrderInline, ChangeInline)
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
        ("Now", {"fields": (("mark", "pnl", "liquidation_now"),)}),
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

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """The page's positions know how they stand: one read of prices for all of them."""
        page = super().get_changelist_instance(request)
        page.result_list = list(page.result_list)
        found = standings(page.result_list)
        for position in page.result_list:
            position.standing = found.get(position.pk)
        return page

    @display(description="mark price")  # type: ignore[untyped-decorator]
    def mark(self, position: Position) -> str:
        """Of now, or the last one that was known."""
        now = _standing_of(position)
        return NOTHING if now is None else two_lines(format_price(now.price), "the last known" if now.is_last else "")

    @display(description="PnL", ordering="realised_pnl_usd")  # type: ignore[untyped-decorator]
    def pnl(self, position: Position) -> str:
        """Unrealised while it is open; realised once it has ended, and how it did."""
        if position.status != Position.Status.OPEN:
            colour = STATUS_COLOURS[position.status]
            return two_lines(money(position.realised_pnl_usd), badge(position.status, colour) if colour else "closed")
        now = _standing_of(position)
        return NOTHING if now is None else two_lines(money(now.pnl_usd), "unrealised")

    @display(description="liquidation", ordering="liquidation_price")  # type: ignore[untyped-decorator]
    def liquidation_now(self, position: Position) -> str:
        """Its price, and how far the mark is from it; in colour within the buffer."""
        now, price = _standing_of(position), figure(format_price(position.liquidation_price))
        if now is None:
            return price
        away = f"{format_percent(now.away_share)} away" if now.away_share > 0 else "reached"
        is_near = position.buffer_entered_at is not None or now.away_share <= 0
        return two_lines(price, badge(away, "danger") if is_near else away)


def _standing_of(position: Any) -> Standing | None:
    """Read with its list, or here for a page of its own."""
    if not hasattr(position, "standing"):
        found: Mapping[int, Standing] = standings([position])
        position.standing = found.get(position.pk)
    standing: Standing | None = position.standing
    return standing


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
