"""Booking fills: position, fill, ledger and balance in the caller's transaction, many orders at once."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import structlog
from django.db import connection
from psycopg2.extras import execute_values

from trading import balances, increases, placements
from trading.limits import bindings_of
from trading.models import Fill, LedgerEntry, LedgerTransaction, Order, Position, Trader
from trading.models.loading import with_market
from trading.venues.base import Filled
from vanta.money import ZERO

A = LedgerEntry.Account
K = LedgerTransaction.Kind
LIQUIDATION = "liquidation"
GROWN = (
    "collateral_usd",
    "leverage",
    "entry_price",
    "liquidation_price",
    "accrued_usd",
    "accrued_until",
    "watched_from",
)
log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Booking:
    """A fill that is to be booked for its order; `position` is what it opened or closes.

    `escrow_usd` is what the venue held for it until now.
    """

    order: Order
    filled: Filled
    escrow_usd: Decimal = ZERO
    position: Position = field(init=False)
    left_usd: Decimal = field(init=False)

    @property
    def collateral_usd(self) -> Decimal:
        """What the position holds of the order's collateral; for a closing, what it takes out."""
        if self.filled.trade:
            return self.filled.trade.collateral_usd
        return self.order.collateral_usd if self.filled.closed_usd is None else self.filled.closed_usd

    @property
    def notional_usd(self) -> Decimal:
        """The same times its leverage; of an increase not the whole position's."""
        if self.order.kind != Order.Kind.INCREASE:
            return self.collateral_usd * self.position.leverage
        return self.collateral_usd * (self.filled.trade.leverage if self.filled.trade else self.order.leverage)


def book_openings(bookings: Sequence[Booking]) -> None:
    """Create the positions of filled openings and take collateral and fee from the free balances, or what was held."""
    escrows = placements.held_for([booking.order for booking in bookings])
    buffers = _buffers_of({booking.order.trader_id for booking in bookings})
    positions = Position.objects.bulk_create(
        [
            Position(
                trader_id=booking.order.trader_id,
                market_id=booking.order.market_id,
                mode=booking.order.mode,
                side=booking.order.side,
                collateral_usd=booking.collateral_usd,
                leverage=booking.filled.trade.leverage if booking.filled.trade else booking.order.leverage,
                venue_index=booking.filled.trade.index if booking.filled.trade else None,
                venue_opened_at_s=booking.filled.trade.opened_at_s if booking.filled.trade else None,
                entry_price=booking.filled.price,
                liquidation_price=booking.filled.liquidation_price or ZERO,
                stop_loss=booking.order.stop_loss,
                take_profit=booking.order.take_profit,
                opened_at=booking.filled.executed_at,
                accrued_until=booking.filled.executed_at,
                watched_from=booking.filled.executed_at,
                buffer_pct=buffers[booking.order.trader_id],
            )
            for booking in bookings
        ]
    )
    for booking, position in zip(bookings, positions, strict=True):
        booking.order.position = booking.position = position
        booking.left_usd = position.collateral_usd
        booking.escrow_usd = escrows.get(booking.order.pk, ZERO)
    _set_positions([booking.order for booking in bookings])
    _create_fills(bookings)
    _book(bookings, [_put_in(booking) for booking in bookings])


def book_increases(bookings: Sequence[Booking]) -> None:
    """Put what increases added into their positions, and take collateral and fee from the free balances.

    A LIVE position that ended in our books meanwhile is open again: its closing was of what it held before.
    """
    for booking in bookings:
        booking.position = _grow_position(booking)
        booking.left_usd = booking.position.collateral_usd
    _create_fills(bookings)
    _book(bookings, [_put_in(booking) for booking in bookings])


def _put_in(booking: Booking) -> tuple[K, dict[A, Decimal]]:
    collateral, fee = booking.collateral_usd, booking.filled.fee_usd
    escrow = booking.escrow_usd
    free = escrow - collateral - fee
    return K.OPEN, {A.FREE: free, A.ESCROW: -escrow, A.COLLATERAL: collateral, A.FEES: fee}


def book_closings(bookings: Sequence[Booking]) -> None:
    """Take the closed collateral out of the positions and pay out what is left of it."""
    movements = []
    for booking in bookings:
        order, filled = booking.order, booking.filled
        booking.position = _reduce_position(booking)
        booking.left_usd = booking.position.collateral_usd
        movements.append(
            (
                K.LIQUIDATION if order.reason == LIQUIDATION else K.CLOSE,
                {
                    A.COLLATERAL: -booking.collateral_usd,
                    A.FREE: filled.payout_usd,
                    A.FEES: filled.fee_usd,
                    A.ACCRUED: filled.accrued_usd,
                    A.PNL: -filled.pnl_usd,
                },
            )
        )
    _create_fills(bookings)
    _book(bookings, movements)


def _reduce_position(booking: Booking) -> Position:
    order, filled, taken = booking.order, booking.filled, booking.collateral_usd
    position = Position.objects.select_for_update().get(orders=order)
    share = taken / position.collateral_usd
    position.collateral_usd -= taken
    position.accrued_usd -= position.accrued_usd * share
    position.realised_pnl_usd += filled.payout_usd - taken
    if order.reason in Position.EndedBy.values:  # kept, also where a closing of the trader's comes after it
        position.ended_by = order.reason
    if position.collateral_usd <= 0:
        is_liquidation = order.reason == LIQUIDATION
        position.status = Position.Status.LIQUIDATED if is_liquidation else Position.Status.CLOSED
        position.closed_at = filled.executed_at
    position.save(
        update_fields=["collateral_usd", "accrued_usd", "realised_pnl_usd", "status", "closed_at", "ended_by"]
    )
    order.position = position
    return position


def _grow_position(booking: Booking) -> Position:
    """Where the venue tells what its trade is now, the row becomes that, unless something else happened meanwhile."""
    filled = booking.filled
    position = with_market(Position.objects.filter(orders=booking.order)).select_for_update(of=("self",)).get()
    if position.status != Position.Status.OPEN:
        log.warning("position_grew_after_its_end", position_id=position.pk, order_id=booking.order.pk)
        position.status, position.closed_at, position.ended_by = Position.Status.OPEN, None, ""
    increases.grow(
        position,
        price=filled.price,
        collateral_usd=booking.collateral_usd,
        notional_usd=booking.notional_usd,
        at=filled.executed_at,
    )
    if filled.grown is not None and filled.grown.collateral_usd == position.collateral_usd:
        position.leverage, position.entry_price = filled.grown.leverage, filled.grown.entry_price
        position.liquidation_price = increases.liquidation_price(position)
    position.save(update_fields=[*GROWN, "status", "closed_at", "ended_by"])
    booking.order.position = position
    return position


def _buffers_of(trader_ids: set[int]) -> dict[int, Decimal]:
    """The share of the distance to liquidation that each trader's limits keep free."""
    bindings = bindings_of(Trader.objects.filter(pk__in=trader_ids))
    return {number: binding.limits.liquidation_buffer_pct for number, binding in bindings.items()}


def _set_positions(orders: Sequence[Order]) -> None:
    with connection.cursor() as cursor:
        execute_values(
            cursor.cursor,
            "UPDATE trading_order o SET position_id = v.position FROM (VALUES %s) AS v (id, position) "
            "WHERE o.id = v.id",
            [(order.pk, order.position_id) for order in orders],
        )


def _create_fills(bookings: Sequence[Booking]) -> None:
    Fill.objects.bulk_create(
        [
            Fill(
                order=booking.order,
                position=booking.position,
                venue_fill_id=booking.filled.venue_fill_id,
                price=booking.filled.price,
                collateral_usd=booking.collateral_usd,
                notional_usd=booking.notional_usd,
                fee_usd=booking.filled.fee_usd,
                accrued_usd=booking.filled.accrued_usd,
                pnl_usd=booking.filled.pnl_usd,
                left_usd=booking.left_usd,
                at=booking.filled.executed_at,
            )
            for booking in bookings
        ]
    )


def _book(bookings: Sequence[Booking], movements: Sequence[tuple[K, dict[A, Decimal]]]) -> None:
    """One ledger transaction a fill; the free balances in one statement. The deferred trigger checks the sums."""
    transactions = LedgerTransaction.objects.bulk_create(
        [
            LedgerTransaction(
                kind=kind,
                order=booking.order,
                reference=f"fill:{booking.filled.venue_fill_id}",
                trace_id=booking.order.trace_id,
                at=booking.filled.executed_at,
            )
            for booking, (kind, _) in zip(bookings, movements, strict=True)
        ]
    )
    entries: list[LedgerEntry] = []
    changes: dict[tuple[int, str], Decimal] = defaultdict(Decimal)
    for booking, (_, amounts), transaction in zip(bookings, movements, transactions, strict=True):
        order = booking.order
        changes[order.trader_id, order.mode] += amounts[A.FREE]
        entries += [
            LedgerEntry(
                transaction=transaction, trader_id=order.trader_id, mode=order.mode, account=account, amount_usd=amount
            )
            for account, amount in amounts.items()
            if amount
        ]
    LedgerEntry.objects.bulk_create(entries)
    balances.cover_shortfall(changes)
    balances.change(changes)
