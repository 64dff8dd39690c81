"""Cards of orders that changed an open position: what is now, and what was."""

from decimal import Decimal
from typing import Any

from trading.models import Order
from trading.models.orders import K
from vanta.money import format_number, format_price, format_usd

_HEADS = {
    K.STOPS: "✅ <b>Stop and take-profit set</b>",
    K.ADD_MARGIN: "✅ <b>Margin added</b>",
    K.TAKE_MARGIN: "✅ <b>Margin withdrawn</b>",
}


def lines(order: Order) -> list[str]:
    """What the venue did for an order that is FILLED; the heading is the caller's."""
    event = getattr(order, "change", None)
    detail: dict[str, Any] = event.detail if event else {}
    was: dict[str, Any] = detail.get("was", {})
    told = [_HEADS[Order.Kind(order.kind)] + f"  ·  order #{order.pk}"]
    if order.kind == K.STOPS:
        rows = [("Stop", "stop_loss", _price), ("Take-profit", "take_profit", _price)]
    else:
        rows = [
            ("Collateral", "collateral_usd", lambda value: f"{format_usd(Decimal(value or 0))} USDC"),
            ("Leverage", "leverage", lambda value: f"{format_number(Decimal(value or 0).normalize())}x"),
            ("Liquidation", "liquidation_price", _price),
        ]
    for label, name, shown in rows:
        now, before = detail.get(name), was.get(name)
        told.append(f"{label}  <b>{shown(now)}</b>" + (f"  (was {shown(before)})" if before != now else ""))
    return told


def wish(order: Order) -> list[str]:
    """What an order is for that has not been carried out, and what holds until then."""
    if order.kind != K.STOPS or order.position is None:
        return []
    held = order.position
    return [
        _wished("Stop", order.stop_loss, held.stop_loss),
        _wished("Take-profit", order.take_profit, held.take_profit),
    ]


def _wished(label: str, wanted: Decimal | None, held: Decimal | None) -> str:
    before = f"  (now {_price(str(held) if held else None)})" if wanted != held else ""
    return f"{label}  {_price(str(wanted) if wanted else None)}{before}"


def _price(value: str | None) -> str:
    return format_price(Decimal(value)) if value else "none"
