"""What the paper venue does with orders that change a position: stops as wished, margin in or out of its collateral."""

import datetime as dt
from decimal import Decimal
from typing import Any

from feeds.models import Market
from risk import margin
from risk.margin import Side
from trading.models import Order
from trading.models.orders import MARGIN, K
from trading.venues.base import Changed
from vanta.money import ZERO


def wish(order: Order) -> dict[str, str | None]:
    """What the paper venue has to know besides the order's size: the stops, None for one that is not to be.

    Of margin, the position that it moves into or out of.
    """
    position = order.position
    if order.kind not in MARGIN or position is None:
        return {"stop_loss": _text(order.stop_loss), "take_profit": _text(order.take_profit)}
    return {
        "held_usd": str(position.collateral_usd),
        "notional_usd": str(position.notional_usd),
        "entry_price": str(position.entry_price),
    }


def execute(wish: dict[str, Any], market: Market, price: Decimal | None) -> dict[str, Any]:
    """The result as the journal keeps it. What the venue would revert is rejected; withdrawing needs a price."""
    if wish["kind"] == K.STOPS:
        return {"changed": {"stop_loss": wish["stop_loss"], "take_profit": wish["take_profit"]}}
    amount = Decimal(wish["collateral_usd"])
    moved = amount if wish["kind"] == K.ADD_MARGIN else -amount
    refusal = _refusal(wish, market, moved, price)
    return {"rejected": refusal} if refusal else {"changed": {"moved_usd": str(moved)}}


def _refusal(wish: dict[str, Any], market: Market, moved: Decimal, price: Decimal | None) -> str:
    """Why the venue would not move this margin; empty where it would."""
    left, notional, entry = (
        Decimal(wish["held_usd"]) + moved,
        Decimal(wish["notional_usd"]),
        Decimal(wish["entry_price"]),
    )
    if left <= ZERO or not market.min_leverage <= notional / left <= market.max_leverage:
        return "leverage_not_taken"
    if moved > ZERO:
        return ""
    if price is None:
        return "no_price"
    pnl = margin.gross_pnl(side=Side(wish["side"]), entry_price=entry, price=price, notional_usd=notional)
    return "loss_not_covered" if -pnl >= left * margin.LIQUIDATION_THRESHOLD else ""


def outcome(changed: dict[str, str | None], executed_at: dt.datetime) -> Changed:
    """The journal's result, read back."""
    return Changed(
        executed_at=executed_at,
        moved_usd=_number(changed.get("moved_usd")) or ZERO,
        stop_loss=_number(changed.get("stop_loss")),
        take_profit=_number(changed.get("take_profit")),
    )


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


def _number(value: str | None) -> Decimal | None:
    return None if value is None else Decimal(value)
