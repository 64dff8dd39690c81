"""Booking what the venue did without an order of ours: as an order that is over, so that everything knows of it.

The trader's card, the day's loss, the protections and the history read orders and fills, and these are some.
"""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal

import structlog
from django.conf import settings

from feeds.models import Market
from risk.margin import Side
from trading import bookkeeping, outbox, placements, receipts
from trading.bookkeeping import Booking
from trading.history import record_draft, record_same, transition
from trading.models import Fill, Order, Position, Trader
from trading.models.traders import Mode
from trading.order_state import OrderState
from trading.venues.avantis import orders
from trading.venues.avantis.history import Execution
from trading.venues.avantis.limit_orders import STOP_LIMIT
from trading.venues.avantis.trades import VenueLimit, VenueTrade
from trading.venues.base import Filled, Resting, Trade
from vanta import clock, tracing
from vanta.money import ONE, ZERO, quantize_price

log = structlog.get_logger(__name__)
OPENED = "opened_elsewhere"
CLOSED = "closed_elsewhere"
REASONS = {"liquidation": "liquidation", "take_profit": "take_profit", "stop_loss": "stop_loss"}
LEAST_MOVE = Decimal("0.01")  # of the entry: no exit price is lower


def book_opening(trader: Trader, market: Market, trade: VenueTrade) -> Order:
    """Adopt a trade that was opened outside Vanta, in the caller's transaction."""
    order = _order(trader, market, Order.Kind.OPEN, trade.side, trade.collateral_usd, trade.leverage, OPENED)
    order.quoted_price, order.stop_loss, order.take_profit = trade.entry_price, trade.stop_loss, trade.take_profit
    order.save()
    named = Trade(trade.collateral_usd, trade.leverage, trade.index, trade.opened_at_s)
    fill_id = f"elsewhere-{trader.pk}-{trade.pair_index}-{trade.index}-{trade.opened_at_s}"
    filled = Filled(
        venue_fill_id=fill_id,
        price=trade.entry_price,
        executed_at=clock.from_ms(trade.opened_at_s * 1000),
        fee_usd=ZERO,
        liquidation_price=trade.liquidation_price,
        trade=named,
    )
    _book(order, filled)
    return order


def book_resting(trader: Trader, market: Market, limit: VenueLimit, asked_at: dt.datetime) -> Order:
    """Adopt an order that was placed outside Vanta and rests, in the caller's transaction.

    All of its collateral can be lost by it, for what anybody here has decided.
    """
    order = _order(trader, market, Order.Kind.OPEN, limit.side, limit.collateral_usd, limit.leverage, OPENED)
    order.order_type = Order.Type.STOP_LIMIT if limit.order_type == STOP_LIMIT else Order.Type.LIMIT
    order.quoted_price = order.limit_price = limit.price
    order.stop_loss, order.take_profit = limit.stop_loss, limit.take_profit
    order.worst_loss_usd = limit.collateral_usd
    order.save()
    record_draft(order)
    for state in (OrderState.APPROVED, OrderState.SUBMITTING, OrderState.RESTING):
        transition(order, state)
    held = Resting(asked_at, limit.collateral_usd, limit.index, limit.order_id)
    placements.book([order], {order.pk: held}, is_adopted=True)
    outbox.owe_order_cards([order])
    log.warning("adopted_from_venue", order_id=order.pk)
    return order


def follow_resting(order: Order, limit: VenueLimit) -> bool:
    """Take over price and stops of a resting order that were changed outside Vanta; whether they were.

    What was decided about it holds no more: all of its collateral counts as its risk from then on.
    """
    found = {"limit_price": limit.price, "stop_loss": limit.stop_loss}
    if order.take_profit is not None:  # the venue may set one of its own, at the largest gain, where there is none
        found["take_profit"] = limit.take_profit
    was = {name: getattr(order, name) for name in found}
    if found == was:
        return False
    for name, value in found.items():
        setattr(order, name, value)
    order.worst_loss_usd = max(order.worst_loss_usd, order.collateral_usd)
    order.save(update_fields=[*found, "worst_loss_usd"])
    told = {name: None if value is None else str(value) for name, value in found.items()}
    before = {name: None if value is None else str(value) for name, value in was.items()}
    record_same(order, {"where": "venue", **told, "was": before})
    outbox.owe_order_cards([order])
    log.warning("resting_order_changed_at_venue", order_id=order.pk)
    return True


def book_closing(
    position: Position, taken_usd: Decimal, history: Sequence[Execution], *, unexplained_usd: Decimal | None
) -> None:
    """Book that the venue closed so much of a position: as its history says, else by what the wallet has more.

    `unexplained_usd` is that, None where it is not this position's alone: then nothing is paid out here, and what
    came in is booked as a deposit.
    """
    left = taken_usd
    for row in unbooked(position, history):
        if left <= ZERO:
            break
        part = min(row.collateral_usd, left)
        left -= part
        reason, detail = REASONS.get(row.kind, CLOSED), {"transaction_hash": row.transaction_hash}
        _close(position, part, row.price, row.paid_out_usd, reason, _fill_id(row), row.at_ms, detail)
    if left > ZERO:
        payout = max(unexplained_usd or ZERO, ZERO) if left == taken_usd else ZERO
        fill_id = f"elsewhere-{position.pk}-{clock.now_ms()}"
        _close(position, left, _implied_price(position, left, payout), payout, CLOSED, fill_id, clock.now_ms(), {})


def unbooked(position: Position, history: Sequence[Execution]) -> list[Execution]:
    """The rows that closed something of this trade, oldest first, without those that were booked, under whichever name.

    Those of our own orders were booked under theirs.
    """
    name = (position.market.pair_index, position.venue_index, position.venue_opened_at_s)
    ours = set(Fill.objects.filter(position=position).values_list("order__intent__nonce", flat=True))
    rows = [
        row
        for row in history
        if (row.pair_index, row.index, row.opened_at_s) == name
        and row.kind in ("close", *REASONS)
        and not (row.nonce and row.nonce in ours)
        and not Fill.objects.filter(venue_fill_id=_fill_id(row)).exists()
    ]
    return sorted(rows, key=lambda row: row.at_ms)


def _fill_id(row: Execution) -> str:
    return f"elsewhere-{row.transaction_hash}-{row.order_id}"[:100]


def _close(
    position: Position,
    part_usd: Decimal,
    price: Decimal,
    payout_usd: Decimal,
    reason: str,
    fill_id: str,
    at_ms: int,
    detail: dict[str, str],
) -> None:
    position.refresh_from_db()
    order = _order(
        position.trader, position.market, Order.Kind.CLOSE, Side(position.side), part_usd, position.leverage, reason
    )
    order.position, order.quoted_price = position, position.entry_price
    order.save()
    if reason == bookkeeping.LIQUIDATION:
        price, payout_usd = price or position.liquidation_price, ZERO
    filled = orders.closing_fill(order, fill_id, price, payout_usd, {"where": "venue", **detail})
    _book(order, _at(filled, fill_id, at_ms))


def _at(filled: Filled, fill_id: str, at_ms: int) -> Filled:
    return Filled(
        venue_fill_id=fill_id,
        price=filled.price,
        executed_at=clock.from_ms(at_ms),
        fee_usd=filled.fee_usd,
        pnl_usd=filled.pnl_usd,
        payout_usd=filled.payout_usd,
        detail=filled.detail,
    )


def _implied_price(position: Position, part_usd: Decimal, payout_usd: Decimal) -> Decimal:
    """The exit price at which a closing without fees would have paid this."""
    move = (payout_usd - part_usd) / (part_usd * position.leverage) * Side(position.side).sign
    return quantize_price(position.entry_price * max(ONE + move, LEAST_MOVE))


def _order(
    trader: Trader, market: Market, kind: Order.Kind, side: Side, collateral: Decimal, leverage: Decimal, reason: str
) -> Order:
    """The order that stands for it; not saved."""
    now = clock.now()
    return Order(
        trader=trader,
        market=market,
        mode=Mode.LIVE,
        kind=kind,
        side=side,
        collateral_usd=collateral,
        leverage=max(leverage, ONE),
        reason=reason,
        trace_id=tracing.current_trace_id(),
        chat_id=trader.chat_id,
        valid_until=now + dt.timedelta(seconds=settings.DRAFT_VALID_S),
        next_check_at=now,
    )


def _book(order: Order, filled: Filled) -> None:
    record_draft(order)
    for state in (OrderState.APPROVED, OrderState.SUBMITTING, OrderState.FILLED):
        transition(order, state, filled.detail if state == OrderState.FILLED else None)
    booking = Booking(order, filled)
    if order.kind == Order.Kind.OPEN:
        bookkeeping.book_openings([booking])
    else:
        bookkeeping.book_closings([booking])
    receipts.owe([booking])
    outbox.owe_order_cards([order])
    log.warning("booked_from_venue", order_id=order.pk, reason=order.reason)
