"""Booking what changed a position without a fill: its row, its history and its margin in the caller's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from risk import margin
from risk.additions import LEVERAGE_QUANTUM
from risk.margin import Side
from trading import balances
from trading.models import Order, Position, PositionEvent
from trading.models.orders import K
from trading.venues.base import Changed
from vanta import tracing
from vanta.money import ZERO, quantize_price

KINDS = {
    K.STOPS: PositionEvent.Kind.STOPS_CHANGED,
    K.ADD_MARGIN: PositionEvent.Kind.MARGIN_ADDED,
    K.TAKE_MARGIN: PositionEvent.Kind.MARGIN_TAKEN,
}
SHOWN = ("collateral_usd", "leverage", "liquidation_price", "stop_loss", "take_profit")


@dataclass(frozen=True, slots=True)
class Change:
    """A change that the venue made for its order."""

    order: Order
    changed: Changed


def still_open(orders: Sequence[Order]) -> list[Order]:
    """Those whose position is open, with the row locked as `order.position`: what has ended cannot be changed."""
    held = Position.objects.select_for_update().filter(status=Position.Status.OPEN)
    positions = held.order_by("pk").in_bulk({order.position_id for order in orders if order.position_id is not None})
    found = []
    for order in orders:
        if order.position_id in positions:
            order.position = positions[order.position_id]
            found.append(order)
    return found


def book(changes: Sequence[Change]) -> None:
    """Write what the venue did into the positions that `still_open` has locked."""
    for change in changes:
        _book_one(change.order, change.changed)


def _book_one(order: Order, changed: Changed) -> None:
    if order.position is None:
        raise ValueError(f"order {order.pk} is about no position")
    apply(order.position, KINDS[Order.Kind(order.kind)], changed, order=order)


def apply(
    position: Position,
    kind: PositionEvent.Kind,
    changed: Changed,
    *,
    order: Order | None = None,
    detail: dict[str, Any] | None = None,
) -> None:
    """Row, history and margin of a locked position; `detail` is what its history says besides."""
    before = _shown(position)
    if kind == PositionEvent.Kind.STOPS_CHANGED:
        position.stop_loss, position.take_profit = changed.stop_loss, changed.take_profit
    if changed.moved_usd:
        _move(position, changed)
    position.save(update_fields=[*SHOWN, "status", "closed_at"])
    event = PositionEvent.objects.create(
        position=position,
        kind=kind,
        order=order,
        detail={**(detail or {}), **_shown(position), "amount_usd": str(changed.moved_usd), "was": before},
        trace_id=order.trace_id if order else tracing.current_trace_id(),
        at=changed.executed_at,
    )
    if changed.moved_usd:
        balances.book_margin(position, changed.moved_usd, reference=f"margin:{event.pk}", order=order)


def _move(position: Position, changed: Changed) -> None:
    """Margin moves the leverage and the liquidation price; the notional stays.

    A closing that was booked first, of more than the venue still held, has taken the rest: nothing is left then.
    """
    notional = position.notional_usd
    position.collateral_usd += changed.moved_usd
    if position.collateral_usd <= ZERO:
        position.status, position.closed_at = Position.Status.CLOSED, changed.executed_at
        return
    position.leverage = changed.leverage or (notional / position.collateral_usd).quantize(LEVERAGE_QUANTUM)
    position.liquidation_price = changed.liquidation_price or quantize_price(
        margin.liquidation_price(
            side=Side(position.side),
            entry_price=position.entry_price,
            collateral_usd=position.collateral_usd,
            notional_usd=notional,
            fees_usd=max(position.accrued_usd, ZERO),
        )
    )


def _shown(position: Position) -> dict[str, Any]:
    values: dict[str, Decimal | None] = {name: getattr(position, name) for name in SHOWN}
    return {name: None if value is None else str(value) for name, value in values.items()}
