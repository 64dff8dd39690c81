"""Booking what became of orders: state, history, books and messages in one transaction, many orders at once."""

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from django.db import transaction

from trading import alarms, bookkeeping, changes, outbox, placements, receipts, shadows
from trading.bookkeeping import Booking
from trading.changes import Change
from trading.history import transition_all
from trading.models import Attempt, Order
from trading.models.loading import lock_traders, with_market
from trading.models.traders import Mode
from trading.order_state import AT_VENUE, TERMINAL, OrderState
from trading.venues.base import (
    Accepted,
    Canceled,
    Changed,
    Expired,
    Filled,
    Outcome,
    Rejected,
    Resting,
    Unknown,
    Waiting,
)
from vanta import clock, metrics, tracing

log = structlog.get_logger(__name__)
RECHECK = dt.timedelta(seconds=2)  # between two looks at an order whose fate is unknown
FIRST_LOOK = dt.timedelta(milliseconds=150)  # at an order that the venue has taken


def settle(orders: Sequence[Order], outcomes: Mapping[int, Outcome]) -> None:
    """Book outcomes in one transaction; where that fails, one by one, so that a bad row stops only itself."""
    try:
        _settle(orders, outcomes)
    except Exception as error:
        if len(orders) == 1:
            log.exception("settlement_failed", order_id=orders[0].pk, error=str(error))
            return  # its evidence is stored: reconciliation settles it
        log.warning("settlement_split", orders=len(orders), error=type(error).__name__)
        still = with_market(Order.objects.filter(pk__in=[order.pk for order in orders], state__in=AT_VENUE), "position")
        for order in still:
            settle([order], outcomes)


@transaction.atomic
def _settle(orders: Sequence[Order], outcomes: Mapping[int, Outcome]) -> None:
    lock_traders(order.trader_id for order in orders)
    now = clock.now()
    answered = [order.pk for order in orders if not isinstance(outcomes[order.pk], Unknown)]
    open_attempts = Attempt.objects.filter(intent__order__in=answered, outcome__in=("", Attempt.SENDING))
    open_attempts.update(outcome="answered", finished_at=now)
    groups: dict[tuple[type[Outcome], str, str], list[Order]] = defaultdict(list)
    for order in orders:
        groups[type(outcomes[order.pk]), order.state, order.kind].append(order)
    for (kind, _, _), group in groups.items():
        _SETTLERS[kind](group, outcomes)
    ended = [order for order in orders if order.mode == Mode.LIVE and order.state in TERMINAL]
    alarms.lift_all(alarms.Kind.UNKNOWN_ORDER, [f"order {order.pk}" for order in ended])


def _fill(orders: Sequence[Order], outcomes: Mapping[int, Outcome]) -> None:
    """All of `orders` are openings, all increases, or all closings, in one state."""
    details = {
        pk: {
            "price": outcome.price,
            "fee_usd": outcome.fee_usd,
            "venue_fill_id": outcome.venue_fill_id,
            **outcome.detail,
        }
        for pk, outcome in outcomes.items()
        if isinstance(outcome, Filled)
    }
    filled = transition_all(orders, OrderState.FILLED, details)
    bookings = [Booking(order, outcome) for order in filled if isinstance(outcome := outcomes[order.pk], Filled)]
    if not bookings:
        return
    if filled[0].kind == Order.Kind.OPEN:
        bookkeeping.book_openings(bookings)
    elif filled[0].kind == Order.Kind.INCREASE:
        bookkeeping.book_increases(bookings)
    else:
        bookkeeping.book_closings(bookings)
    shadows.write(bookings)
    receipts.owe(bookings)
    outbox.owe_order_cards(filled)
    for order in filled:
        _log_fill(order)


def _change(orders: Sequence[Order], outcomes: Mapping[int, Outcome]) -> None:
    """All of `orders` are of one kind that changes positions; where one has ended meanwhile, nothing was changed."""
    held = changes.still_open(orders)
    gone = [order for order in orders if order not in held]
    moved = transition_all(gone, OrderState.REJECTED, reason="position_closed")
    made = {pk: outcome for pk, outcome in outcomes.items() if isinstance(outcome, Changed)}
    filled = transition_all(held, OrderState.FILLED, {pk: outcome.detail for pk, outcome in made.items()})
    changes.book([Change(order, made[order.pk]) for order in filled])
    outbox.owe_order_cards([*moved, *filled])
    for order in filled:
        _log_fill(order)


def _rest(orders: Sequence[Order], outcomes: Mapping[int, Outcome]) -> None:
    """The venue holds them: what it took is booked once, and each is looked at again while it rests."""
    due = clock.now() + RECHECK
    held = {pk: outcome for pk, outcome in outcomes.items() if isinstance(outcome, Resting)}
    fresh = [order for order in orders if order.state != OrderState.RESTING]
    details = {pk: {"escrow_usd": str(each.escrow_usd), **each.detail} for pk, each in held.items()}
    placed = transition_all(fresh, OrderState.RESTING, details, next_check_at=due)
    placements.book(placed, held)
    outbox.owe_order_cards(placed)
    known = [order.pk for order in orders if order not in fresh]
    Order.objects.filter(pk__in=known).update(next_check_at=due)
    placements.saw(known, held)


def _cancel(orders: Sequence[Order], outcomes: Mapping[int, Outcome]) -> None:
    """A resting order was taken back: by its cancel, which is done then, or without one."""
    for order in orders:
        outcome = outcomes[order.pk]
        detail = outcome.detail if isinstance(outcome, Canceled) else {}
        reason = outcome.reason if isinstance(outcome, Canceled) else ""
        if order.kind != Order.Kind.CANCEL:
            _take_back(order, reason, detail)
            continue
        target = placements.resting_target(order)
        if target is None:
            moved = transition_all([order], OrderState.REJECTED, {order.pk: detail}, reason="not_resting")
        else:
            _take_back(target, order.reason or "canceled_by_trader", {"cancel": order.pk, **detail})
            moved = transition_all([order], OrderState.FILLED, {order.pk: detail})
        outbox.owe_order_cards(moved)


def _take_back(order: Order, reason: str, detail: Mapping[str, Any]) -> None:
    """Of one that never rested, nothing is held."""
    was_resting = order.state == OrderState.RESTING
    canceled = transition_all([order], OrderState.CANCELED, {order.pk: detail}, reason=reason)
    if was_resting:
        placements.release(canceled)
    outbox.owe_order_cards(canceled)
    log.info("order_canceled", order_id=order.pk, code=reason)


def _log_fill(order: Order) -> None:
    """How long an order waited for its price says nothing of how long a fill takes."""
    seconds = (clock.now() - (order.decided_at or order.created_at)).total_seconds()
    if not order.rests:
        metrics.fill_seconds.observe(seconds)
    with tracing.bind_trace(order.trace_id):
        log.info("order_filled", order_id=order.pk, duration_ms=round(seconds * 1000, 1), mode=order.mode)


def _reject(orders: Sequence[Order], outcomes: Mapping[int, Outcome]) -> None:
    for order in orders:
        outcome = outcomes[order.pk]
        if isinstance(outcome, Rejected) and outcome.is_of_only_attempt and not _was_sent_once(order):
            _keep_unknown([order], {order.pk: Unknown("sent_again")})
            continue
        reason = outcome.reason if isinstance(outcome, Rejected) else ""
        detail = outcome.detail if isinstance(outcome, Rejected) else {}
        moved = transition_all([order], OrderState.REJECTED, {order.pk: {"reason": reason, **detail}}, reason=reason)
        outbox.owe_order_cards(moved)
        log.info("order_rejected", order_id=order.pk, code=reason)


def _was_sent_once(order: Order) -> bool:
    """Nobody can begin another attempt from here on: the row is locked."""
    Order.objects.select_for_update(of=("self",)).get(pk=order.pk)
    return Attempt.objects.filter(intent__order=order).count() == 1


def _expire(orders: Sequence[Order], outcomes: Mapping[int, Outcome]) -> None:
    details = {pk: outcome.detail for pk, outcome in outcomes.items() if isinstance(outcome, Expired)}
    outbox.owe_order_cards(transition_all(orders, OrderState.EXPIRED, details, reason="never_executed"))


def _accept(orders: Sequence[Order], _outcomes: Mapping[int, Outcome]) -> None:
    """The venue has them: looked at again soon, and later the longer it takes. What is UNKNOWN stays so until proof."""
    now = clock.now()
    fresh = [order for order in orders if order.state == OrderState.SUBMITTING]
    transition_all(fresh, OrderState.ACCEPTED, next_check_at=now + FIRST_LOOK)
    known = [order for order in orders if order not in fresh]
    for order in known:
        order.next_check_at = now + min(max((now - (order.decided_at or now)) / 10, FIRST_LOOK), RECHECK)
    Order.objects.bulk_update(known, ["next_check_at"])


def _look_again(orders: Sequence[Order], _outcomes: Mapping[int, Outcome]) -> None:
    Order.objects.filter(pk__in=[order.pk for order in orders]).update(next_check_at=clock.now() + RECHECK)


def _keep_unknown(orders: Sequence[Order], outcomes: Mapping[int, Outcome]) -> None:
    """What rests goes on resting until something else is proven."""
    due = clock.now() + RECHECK
    as_before = [order for order in orders if order.state in (OrderState.UNKNOWN, OrderState.RESTING)]
    Order.objects.filter(pk__in=[order.pk for order in as_before]).update(next_check_at=due)
    fresh = [order for order in orders if order not in as_before]
    details = {
        order.pk: {"reason": outcome.reason} for order in fresh if isinstance(outcome := outcomes[order.pk], Unknown)
    }
    outbox.owe_order_cards(transition_all(fresh, OrderState.UNKNOWN, details, next_check_at=due))


_SETTLERS: dict[type[Outcome], Callable[[Sequence[Order], Mapping[int, Outcome]], None]] = {
    Filled: _fill,
    Changed: _change,
    Resting: _rest,
    Canceled: _cancel,
    Rejected: _reject,
    Expired: _expire,
    Unknown: _keep_unknown,
    Accepted: _accept,
    Waiting: _look_again,
}
