"""Cards of orders that changed an open position: what is now, and what was."""

from decimal import ROUND_FLOOR, Decimal
from typing import Any

from trading.models import Order
from trading.models.orders import MARGIN, K
from vanta.money import format_number, format_price, format_usd

CENT = Decimal("0.01")
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
    if order.kind in MARGIN:
        verb = "Add" if order.kind == K.ADD_MARGIN else "Withdraw"
        return [f"{verb}  {format_usd(order.collateral_usd)} USDC of margin"]
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


def what_would_pass(order: Order) -> list[str]:
    """How much margin could be moved instead of what was denied; empty where none, or where it is no margin."""
    most = Decimal(order.decision.get("max_collateral_usd") or 0).quantize(CENT, ROUND_FLOOR)
    return [f"At most {format_usd(most)} USDC would pass."] if order.kind in MARGIN and most else []


def _price(value: str | None) -> str:
    return format_price(Decimal(value)) if value else "none"
