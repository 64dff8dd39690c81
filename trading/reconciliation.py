"""Finding out what became of orders that were on their way when something stopped: evidence first, then the books."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Max, Q

from trading import alarms, elsewhere, execution
from trading.keys.active import wallet_in_use
from trading.models import Attempt, Intent, Order, Position
from trading.models.loading import lock_traders, with_market
from trading.models.traders import Mode
from trading.order_state import IN_FLIGHT, OrderState
from trading.settlement import settle
from trading.venues.avantis import resting
from trading.venues.avantis.history import executions_of
from trading.venues.avantis.trades import AtVenue, at_venue_of
from trading.venues.base import Filled, Outcome, Resting, Trade, Unknown
from trading.venues.registry import VENUES
from vanta import clock, tracing

log = structlog.get_logger(__name__)
# What rests on paper is the guardian's to look at; at the venue anything may happen to it at any time.
AT_THE_VENUE = Q(state__in=IN_FLIGHT) | Q(state=OrderState.RESTING, mode=Mode.LIVE)
LEASE = dt.timedelta(seconds=6)
BATCH = 25
LASTING = dt.timedelta(minutes=2)
BELIEVED_AFTER = dt.timedelta(minutes=5)  # of a trade's end that nothing explains


def drain(*, modes: Sequence[str] = execution.PAPER) -> int:
    """Look once at every order in flight, or resting at the venue, whose time has come.

    Each is looked at by one process at a time.
    """
    count, begun = 0, clock.now()
    while orders := _claim_due(modes, begun):
        _ask([order for order in orders if order.state != OrderState.RESTING])
        wallets = _wallets([order for order in orders if order.state == OrderState.RESTING])
        told = at_venue_of(set(wallets.values()))
        for order in orders:
            with tracing.bind_trace(order.trace_id, order_id=order.pk):
                _reconcile_apart(order, wallets, told)
        count += len(orders)
    return count


def _ask(orders: Sequence[Order]) -> None:
    """Let each venue be asked about all of its orders at once; where it does not answer, evidence is as it was."""
    for mode in {order.mode for order in orders}:
        intents = list(Intent.objects.filter(order__in=[order for order in orders if order.mode == mode]))
        VENUES[mode].ask(intents)


def _wallets(resting_orders: Sequence[Order]) -> dict[int, str]:
    """Whose they are at the venue; one that was placed elsewhere has no message that says so."""
    signed = Intent.objects.filter(order__in=resting_orders).values_list("order_id", "payload__trader")
    found: dict[int, str] = dict(signed)
    for order in resting_orders:
        wallet = found.get(order.pk) or wallet_in_use(order.trader_id)
        if wallet is not None:
            found[order.pk] = wallet
    return found


def _reconcile_apart(order: Order, wallets: Mapping[int, str], told: Mapping[str, AtVenue]) -> None:
    try:
        if order.state != OrderState.RESTING:
            reconcile(order)
        elif order.pk in wallets:
            follow(order, wallets[order.pk], told.get(wallets[order.pk]))
    except (OperationalError, InterfaceError):
        raise  # the database went away
    except Exception:
        log.exception("reconciliation_failed")  # a defect of ours stops only this order; its turn comes again


@transaction.atomic
def _claim_due(modes: Sequence[str], at: dt.datetime) -> list[Order]:
    due = Order.objects.filter(AT_THE_VENUE, next_check_at__lte=at, mode__in=modes)
    if not due.exists():
        return []
    orders = list(
        with_market(due, "position").select_for_update(of=("self",), skip_locked=True).order_by("next_check_at")[:BATCH]
    )
    leased_until = clock.now() + LEASE
    Order.objects.filter(pk__in=[order.pk for order in orders]).update(next_check_at=leased_until)
    for order in orders:
        order.next_check_at = leased_until
    return orders


def reconcile(order: Order) -> None:
    """Bring one order on by what can be proven. Safe to repeat."""
    intent = Intent.objects.filter(order=order).first()
    if intent is None:
        # Nothing ever left: the message and the claim are committed together, so this is an order of older code.
        log.warning("intent_missing")
        with transaction.atomic():
            execution.prepare([order])
        execution.carry_out([order])
        return
    outcome = VENUES[order.mode].find(intent)
    if isinstance(outcome, Unknown):
        outcome = _bring_on(order, intent, outcome)
    if isinstance(outcome, Filled) and outcome.trade is not None:
        outcome = _once_named(order, intent.payload["trader"], intent.deadline, outcome, outcome.trade)
    log.info("order_reconciled", outcome=type(outcome).__name__)
    if isinstance(outcome, Unknown):
        _alarm_if_lasting(order, outcome)
    settle([order], {order.pk: outcome})


def follow(order: Order, wallet: str, told: AtVenue | None) -> None:
    """Bring an order that rests at the venue to what it has become there, by what its wallet has. Safe to repeat.

    Without proof it goes on resting; a person is told of one that the venue has not shown for two minutes.
    """
    unseen_for = clock.now() - order.placement.seen_at
    outcome = resting.look(order, wallet, told)
    if isinstance(outcome, Filled) and outcome.trade is not None:
        opened_at = clock.from_ms(outcome.trade.opened_at_s * 1000)
        outcome = _once_named(order, wallet, opened_at, outcome, outcome.trade)
    if unseen_for > LASTING and told is not None:  # a venue that is away is one alarm, and not this one
        if isinstance(outcome, Unknown):
            alarms.raise_alarm(alarms.Kind.UNKNOWN_ORDER, f"order {order.pk}", outcome.reason)
        else:
            alarms.lift(alarms.Kind.UNKNOWN_ORDER, f"order {order.pk}")
    if not isinstance(outcome, Resting):
        log.info("resting_order_followed", outcome=type(outcome).__name__)
    settle([order], {order.pk: outcome})


def _once_named(order: Order, wallet: str, since: dt.datetime, filled: Filled, trade: Trade) -> Outcome:
    """The fill, once the name of its trade is free in the books. `since` it may have been made.

    The venue names a trade by its index and the second it was opened in. Where it gave a name again, the trade that had
    it is over, and nobody has told us: its end is booked first, as history says, or without a word of it when it has
    had the time to say one. What a closing of ours did to it is that closing's to say.
    """
    name = {"market_id": order.market_id, "venue_index": trade.index, "venue_opened_at_s": trade.opened_at_s}
    former = Position.objects.filter(trader_id=order.trader_id, status=Position.Status.OPEN, **name).first()
    if order.kind != Order.Kind.OPEN or former is None:
        return filled
    history = executions_of(wallet)
    is_explained = bool(elsewhere.unbooked(former, history)) or clock.now() - since > BELIEVED_AFTER
    if not is_explained or Order.objects.filter(position=former, state__in=IN_FLIGHT).exists():
        return Unknown("name_in_use", may_resubmit=False)
    with transaction.atomic():
        lock_traders([order.trader_id])
        former.refresh_from_db()
        if former.status == Position.Status.OPEN:
            elsewhere.book_closing(former, former.collateral_usd, history, unexplained_usd=None)
    return filled


def _bring_on(order: Order, intent: Intent, found: Unknown) -> Outcome:
    """Send the identical message again as long as it is wanted; make it unusable where it has no end of its own.

    What the trading state keeps back is left to expire. Making a message unusable is a cancel: no state keeps it back.
    """
    read_at = clock.monotonic()
    is_held_back = not execution.to_be_sent([order])
    start_by = read_at + execution.MAX_STATE_AGE_S
    is_due = found.may_resubmit and clock.now() < intent.deadline
    if is_due and not is_held_back:
        if not _begin_attempt(order, intent):
            return Unknown("ended_meanwhile")
        return execution.submit(order.mode, [intent], start_by=start_by)[intent.nonce]
    if found.may_void:
        if not _begin_attempt(order, intent, {Attempt.VOID: True}):
            return Unknown("ended_meanwhile")
        return VENUES[order.mode].void(intent, start_by=start_by)
    return Unknown("held_back") if is_due else found


@transaction.atomic
def _begin_attempt(order: Order, intent: Intent, detail: dict[str, Any] | None = None) -> bool:
    """Commit to sending it again, unless somebody has ended the order: one at a time with `settlement`."""
    if not Order.objects.select_for_update().filter(pk=order.pk, state__in=IN_FLIGHT).exists():
        return False
    last = Attempt.objects.filter(intent=intent).aggregate(last=Max("number"))["last"] or 0
    Attempt.objects.create(intent=intent, number=last + 1, detail=detail or {})
    return True


def _alarm_if_lasting(order: Order, outcome: Unknown) -> None:
    """A person is told, once, of an order whose fate nobody has found out in two minutes."""
    since = order.decided_at or order.created_at
    if clock.now() - since > LASTING:
        alarms.raise_alarm(alarms.Kind.UNKNOWN_ORDER, f"order {order.pk}", outcome.reason)
