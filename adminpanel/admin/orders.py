"""Orders, and the whole story of one."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from unfold.decorators import display

from adminpanel.admin.base import ReadOnlyAdmin
from adminpanel.admin.columns import (
    MODE_COLOURS,
    NOTHING,
    SIDE_COLOURS,
    STATE_COLOURS,
    badge_column,
    codes_column,
    link_column,
    money,
    number_column,
    price_column,
    row_number_column,
    side_column,
    text_column,
    time_column,
    two_lines,
    usd_column,
)
from adminpanel.order_page import order_story
from trading.errors import OrderNotFound
from trading.models import Order, Placement
from trading.selectors import order_chain
from vanta.money import format_price


@admin.register(Order)
class OrderAdmin(ReadOnlyAdmin):
    """Search by number, trader or trace id; the page of an order tells all that `/why` tells, and more."""

    list_display = (
        "number",
        "created",
        "trader_link",
        "market_link",
        "kind_shown",
        "side_shown",
        "state_badge",
        "collateral",
        "why",
    )
    list_display_links = ("number",)
    list_filter = ("state", "kind", "order_type", "side", "mode", "market", "created_at")
    search_fields = (
        "=id",
        "=trace_id",
        "trader__first_name",
        "trader__username",
        "=trader__telegram_id",
        "market__symbol",
    )
    search_help_text = "Order number, trader, Telegram id, market or trace id"
    list_select_related = ("trader", "market")
    ordering = ("-id",)
    change_form_outer_after_template = "adminpanel/order_story.html"
    fieldsets = (
        (
            "Order",
            {
                "fields": (
                    ("state_badge", "trader_link", "market_link"),
                    ("kind", "order_type", "side_badge", "mode_badge"),
                    ("why", "position_link", "cancels_link", "trace"),
                )
            },
        ),
        (
            "Size and prices",
            {
                "fields": (
                    ("collateral", "times", "notional"),
                    ("quoted", "limit", "stop", "take"),
                    ("held", "placed"),
                    ("worst_loss", "created", "ended"),
                )
            },
        ),
    )
    number = row_number_column("order")
    side_shown = side_column()
    created = time_column("created_at", "created")
    ended = time_column("ended_at", "ended")
    trader_link = link_column("trader")
    market_link = link_column("market")
    position_link = link_column("position")
    side_badge = badge_column("side", SIDE_COLOURS, "side")
    state_badge = badge_column("state", STATE_COLOURS, "state")
    mode_badge = badge_column("mode", MODE_COLOURS, "mode")
    collateral = usd_column("collateral_usd")
    worst_loss = usd_column("worst_loss_usd")
    times = number_column("leverage", unit="x")
    why = codes_column("reason")
    trace = text_column("trace_id")
    quoted = price_column("quoted_price", "mark price of the preview")
    stop = price_column("stop_loss")
    take = price_column("take_profit")
    limit = price_column("limit_price", "limit price")
    cancels_link = link_column("cancels", "takes back")

    @display(description="kind", ordering="kind")  # type: ignore[untyped-decorator]
    def kind_shown(self, order: Order) -> str:
        """Of an order that waits for its price, also which one."""
        if order.limit_price is None:
            return order.get_kind_display()
        return two_lines(order.get_order_type_display(), format_price(order.limit_price))

    @display(description="held by the venue")  # type: ignore[untyped-decorator]
    def held(self, order: Order) -> str:
        """The collateral that the venue took when it was placed."""
        placement: Placement | None = getattr(order, "placement", None)
        return money(placement.escrow_usd) if placement else NOTHING

    @display(description="placed at")  # type: ignore[untyped-decorator]
    def placed(self, order: Order) -> str:
        """When, and under which number at the venue."""
        placement: Placement | None = getattr(order, "placement", None)
        if placement is None:
            return NOTHING
        place = "" if placement.venue_index is None else f", place {placement.venue_index}"
        return f"{placement.placed_at:%d %b %H:%M:%S}{place}"

    @display(description="notional")  # type: ignore[untyped-decorator]
    def notional(self, order: Order) -> str:
        """Collateral times leverage."""
        return money(order.collateral_usd * order.leverage)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """With the order's story below its fields."""
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **_story(object_id)})  # type: ignore[no-any-return]


def _story(object_id: str) -> dict[str, Any]:
    try:
        return {"story": order_story(order_chain(int(object_id)))}
    except (OrderNotFound, ValueError):
        return {}  # the page says itself that there is no such order
