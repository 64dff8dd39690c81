"""What the paper venue does with orders that change a position: stops as wished, margin in or out of its collateral."""

import datetime as dt
from decimal import Decimal
from typing import Any

from trading.models import Order
from trading.models.orders import K
from trading.venues.base import Changed
from vanta.money import ZERO


def wish(order: Order) -> dict[str, str | None]:
    """What the paper venue has to know besides the order's size: the stops, None for one that is not to be."""
    return {"stop_loss": _text(order.stop_loss), "take_profit": _text(order.take_profit)}


def execute(wish: dict[str, Any]) -> dict[str, Any]:
    """The result as the journal keeps it."""
    if wish["kind"] == K.STOPS:
        return {"changed": {"stop_loss": wish["stop_loss"], "take_profit": wish["take_profit"]}}
    amount = Decimal(wish["collateral_usd"])
    return {"changed": {"moved_usd": str(amount if wish["kind"] == K.ADD_MARGIN else -amount)}}


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
