"""Carrying out approved orders: claim, commit the exact message, submit it.

Every step is committed before the next, so that whatever is killed, the rows say what may have left. Submitting is
outside any transaction. The due rows are the work: a drain goes on until none is left.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from risk import execution_mode, trading_state
from risk.execution_mode import ExecutionMode
from risk.trading_state import TradingState
from trading import alarms, outbox
from trading.errors import KeyUnavailable
from trading.history import transition_all
from trading.keys.active import active_delegate
from trading.models import Attempt, Intent, Order, Trader
from trading.models.loading import lock_traders, with_market
from trading.models.orders import CHANGES, MARGIN, OPENINGS, REDUCES, K
from trading.models.traders import MAY_OPEN, Mode
from trading.order_state import IN_FLIGHT, PENDING, OrderState
from trading.settlement import settle
from trading.venues.base import CannotPrepare, NotYet, Outcome, Unknown
from trading.venues.registry import VENUES
from vanta import clock

log = structlog.get_logger(__name__)
BATCH = 25
LEASE = dt.timedelta(seconds=6)  # after which an order that is still being submitted is looked at by reconciliation
SET_ASIDE = dt.timedelta(seconds=60)  # for an order that breaks our own code
PAPER = (Mode.DRY,)
SUSPICIOUS = ("message_differs", "venue_changed", "position_not_at_venue")
LIVE_TURNS = 7002  # the advisory lock under which LIVE orders are claimed
MAX_STATE_AGE_S = 1  # no submission starts later than this after the trading state was read


def drain(*, reductions_only: bool = False, modes: Sequence[str] = PAPER) -> int:
    """Carry out every approved order of these modes; harmless to call at any time, from any number of processes.

    LIVE orders are the signing worker's: nobody else can read the keys.
    """
    count = 0
    while orders := claim(reductions_only=reductions_only, modes=modes):
        carry_out(orders)
        count += len(orders)
    return count


def has_come(since: dt.datetime, *, modes: Sequence[str]) -> bool:
    """Whether an order of these modes was approved since, and waits."""
    return Order.objects.filter(state=OrderState.APPROVED, decided_at__gt=since, mode__in=modes).exists()


def claim(*, reductions_only: bool, modes: Sequence[str] = PAPER) -> list[Order]:
    """A batch; where one of it cannot be prepared, each apart, so that it stops only itself."""
    due = Order.objects.filter(state=OrderState.APPROVED, next_check_at__lte=clock.now(), mode__in=modes)
    if reductions_only:
        due = due.filter(REDUCES)
    if not due.exists():
        return []  # as most of the time; the rest is a query that takes longer to write than to answer
    due = due.exclude(Exists(_margin_on_paper()), kind=K.CLOSE, mode=Mode.DRY)
    if Mode.LIVE in modes:
        due = _in_turn(due)
        if not due.exists() or not VENUES[Mode.LIVE].is_ready():
            due = due.exclude(mode=Mode.LIVE)
    try:
        return _claim(due, is_live=Mode.LIVE in modes)
    except (OperationalError, InterfaceError):
        raise  # the database went away: the rows stay as they were, the next drain retries
    except Exception as error:
        log.warning("claim_split", error=type(error).__name__)
        waiting = list(due.order_by("id").values_list("pk", flat=True)[:BATCH])
        return [order for pk in waiting for order in _claim_apart(pk, is_live=Mode.LIVE in modes)]


def _claim_apart(order_id: int, *, is_live: bool) -> list[Order]:
    try:
        due = Order.objects.filter(pk=order_id, state=OrderState.APPROVED)
        return _claim(_in_turn(due), is_live=is_live)
    except (OperationalError, InterfaceError):
        raise
    except CannotPrepare as error:
        _withdraw(order_id, error.reason)
        return []
    except NotYet as error:
        log.info("order_waits", order_id=order_id, reason=str(error))
        return []
    except KeyUnavailable as error:
        alarms.raise_alarm(alarms.Kind.KEY, f"order {order_id}", str(error))
        Order.objects.filter(pk=order_id).update(next_check_at=clock.now() + SET_ASIDE)
        return []
    except Exception:
        log.exception("claim_failed", order_id=order_id)
        Order.objects.filter(pk=order_id).update(next_check_at=clock.now() + SET_ASIDE)
        return []


@transaction.atomic
def _withdraw(order_id: int, reason: str) -> None:
    """End an order that there can be no message for."""
    orders = list(with_market(Order.objects.filter(pk=order_id)).select_for_update(of=("self",)))
    canceled = transition_all(orders, OrderState.CANCELED, reason=reason)
    log.warning("order_withdrawn", order_id=order_id, code=reason)
    if reason in SUSPICIOUS:
        alarms.raise_alarm(alarms.Kind.IDENTITY, f"order {order_id}", reason)
    outbox.owe_order_cards(canceled)


def _in_turn(due: QuerySet[Order]) -> QuerySet[Order]:
    """Without LIVE openings that another one of their trader and market is before, and changes with one of theirs.

    What no event tells of is found again by its effect: two that look alike must not be made at once. A message about
    stops or margin, and a cancel, names a place, not what is there, and an opening may be given the place: nothing
    opens there while such a message lives, and margin waits for openings. What waited too long is let through, to be
    expired; a closing never waits, nor a cancel.
    """
    before = Order.objects.filter(
        Q(state__in=IN_FLIGHT) | Q(state=OrderState.APPROVED, pk__lt=OuterRef("pk")), mode=Mode.LIVE
    )
    here = before.filter(trader_id=OuterRef("trader_id"), market_id=OuterRef("market_id"))
    openings, in_market = here.filter(kind__in=OPENINGS), here.filter(kind__in=[*OPENINGS, *CHANGES, K.CANCEL])
    on_position = before.filter(position_id=OuterRef("position_id"))
    is_fresh = Q(decided_at__gte=_oldest_approval()) | REDUCES
    overtaken = Q(Exists(in_market), kind__in=OPENINGS) | Q(Exists(on_position), kind__in=[K.INCREASE, *CHANGES])
    overtaken |= Q(Exists(openings), kind__in=MARGIN, decided_at__gte=_oldest_approval())
    return due.exclude(overtaken & is_fresh & Q(mode=Mode.LIVE))


def _margin_on_paper() -> QuerySet[Order]:
    """Margin that is being moved on paper: a closing there waits the moment, to be paid for what is left."""
    return Order.objects.filter(position_id=OuterRef("position_id"), kind__in=MARGIN, state__in=IN_FLIGHT)


def _apart(due: QuerySet[Order]) -> QuerySet[Order]:
    """Without paper increases and closings that would meet: each was priced for the position as it was.

    A closing that was approved goes first; one that comes while an increase is on its way waits for it, which is never
    long: the paper venue keeps no increase waiting. Needs the locks on the traders of `due`'s increases: closings are
    approved under them.
    """
    on_position = Order.objects.filter(position_id=OuterRef("position_id"))
    closing = on_position.filter(kind=K.CLOSE, state__in=PENDING)
    growing = on_position.filter(kind=K.INCREASE, state__in=IN_FLIGHT)
    is_fresh = Q(decided_at__gte=_oldest_approval())
    meets = Q(Exists(closing), is_fresh, kind=K.INCREASE) | Q(Exists(growing), kind=K.CLOSE)
    return due.exclude(meets & Q(mode=Mode.DRY))


def _lock_growing(due: QuerySet[Order]) -> QuerySet[Order]:
    """Lock the traders of increases, before any order; those of others that have come since are left out."""
    growing = list(due.filter(kind=K.INCREASE).order_by("id").values_list("trader_id", flat=True)[:BATCH])
    lock_traders(growing)
    return due.exclude(~Q(trader__in=growing), kind=K.INCREASE)


def _oldest_approval() -> dt.datetime:
    return clock.now() - dt.timedelta(seconds=settings.INTENT_VALID_S)


@transaction.atomic
def _claim(due: QuerySet[Order], *, is_live: bool) -> list[Order]:
    """Take a batch of approved orders for this process and commit their messages; one process at a time where LIVE."""
    if is_live:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LIVE_TURNS])
    orders = list(
        with_market(_apart(_lock_growing(due)), "position")
        .defer("decision")
        .select_for_update(of=("self",), skip_locked=True)
        .order_by("id")[:BATCH]
    )
    allowed = _end_the_late(_stop_the_forbidden(orders))
    claimed = transition_all(allowed, OrderState.SUBMITTING, next_check_at=clock.now() + LEASE)
    return prepare(claimed)


def _stop_the_forbidden(orders: Sequence[Order]) -> list[Order]:
    """Cancel what the trading state, or its trader, no longer lets out; the rest is returned."""
    state, blocked = trading_state.current(), _blocked(orders)
    allowed, forbidden = list[Order](), defaultdict[str, list[Order]](list)
    for order in orders:
        if may_leave(order, state, blocked):
            allowed.append(order)
        else:
            forbidden[_forbidden_by(order, state, blocked)].append(order)
    for reason, group in forbidden.items():
        outbox.owe_order_cards(transition_all(group, OrderState.CANCELED, reason=reason))
    return allowed


def _forbidden_by(order: Order, state: TradingState, blocked: Mapping[int, str]) -> str:
    if state != TradingState.ACTIVE:
        return f"trading_{state.value}"
    return blocked.get(order.trader_id, "live_switched_off")


def _blocked(orders: Sequence[Order]) -> dict[int, str]:
    """The traders of these whose openings may not leave now, with the reason; one query, none without an opening."""
    traders = {order.trader_id for order in orders if order.kind in OPENINGS}
    found = Trader.objects.filter(pk__in=traders).exclude(MAY_OPEN) if traders else ()
    return {trader.pk: trader.blocked_by for trader in found}


def _end_the_late(orders: Sequence[Order]) -> list[Order]:
    """Expire what was approved so long ago that its trader does not expect it any more; the rest is returned.

    What reduces is wanted however late.
    """
    oldest = _oldest_approval()
    late = [o for o in orders if not o.reduces and o.decided_at is not None and o.decided_at < oldest]
    outbox.owe_order_cards(transition_all(late, OrderState.EXPIRED, reason="approval_expired"))
    return [order for order in orders if order not in late]


def may_leave(order: Order, state: TradingState, blocked: Mapping[int, str]) -> bool:
    """Whether an order may be submitted in this trading state; LIVE openings while system and trader are LIVE.

    No state keeps a cancel back. `blocked` are the traders whose openings do not leave.
    """
    if order.kind == K.CANCEL:
        return True
    if state == TradingState.ACTIVE:
        return order.kind not in OPENINGS or (
            order.trader_id not in blocked and (order.mode != Mode.LIVE or _is_live(order))
        )
    return state == TradingState.REDUCING and order.reduces


def to_be_sent(orders: Sequence[Order]) -> list[Order]:
    """Those whose messages may be submitted, as it is now.

    Whoever has revoked the signer of a message expects nothing of it but closings.
    """
    state, blocked = trading_state.current(), _blocked(orders)
    return [order for order in orders if may_leave(order, state, blocked) and _has_signer(order)]


def _has_signer(order: Order) -> bool:
    is_signers = order.mode == Mode.LIVE and order.kind in (*OPENINGS, *MARGIN)
    return not is_signers or active_delegate(order.trader_id) is not None


def _is_live(order: Order) -> bool:
    """As it is now, not as it was when the order was approved."""
    trader = Trader.objects.filter(pk=order.trader_id, execution_mode=Mode.LIVE)
    return execution_mode.current() == ExecutionMode.LIVE and trader.exists()


def prepare(orders: Sequence[Order]) -> list[Order]:
    """Store each order's exact message and its first attempt, in the caller's transaction."""
    intents = []
    for order in orders:
        prepared = VENUES[order.mode].prepare(order)
        intents.append(Intent(order=order, nonce=prepared.nonce, payload=prepared.payload, deadline=prepared.deadline))
    Intent.objects.bulk_create(intents)
    Attempt.objects.bulk_create([Attempt(intent=intent, number=1) for intent in intents])
    return list(orders)


def carry_out(orders: Sequence[Order]) -> None:
    """Submit committed messages and book the outcomes."""
    read_at = clock.monotonic()
    by_mode: dict[str, list[Order]] = defaultdict(list)
    for order in to_be_sent(orders):
        by_mode[order.mode].append(order)
    for mode, group in by_mode.items():
        ours = _still_ours(group) if mode == Mode.LIVE else group
        if clock.monotonic() - read_at > MAX_STATE_AGE_S or len(ours) < len(group):
            log.warning("submission_paused", orders=[order.pk for order in group])  # reconciliation takes them up
            continue
        outcomes = submit(mode, [order.intent for order in group], start_by=read_at + MAX_STATE_AGE_S)
        settle(group, {order.pk: outcomes[order.intent.nonce] for order in group})


def _still_ours(orders: Sequence[Order]) -> list[Order]:
    """Those that nobody else has taken up since they were claimed; the lease of the others was over."""
    leased = Order.objects.filter(pk__in=[order.pk for order in orders], state__in=IN_FLIGHT)
    until = dict(leased.values_list("pk", "next_check_at"))
    return [order for order in orders if until.get(order.pk) == order.next_check_at]


def submit(mode: str, intents: Sequence[Intent], *, start_by: float) -> dict[str, Outcome]:
    """Submit to the mode's venue; whatever breaks on the way, nobody can say what left: UNKNOWN."""
    unknown: dict[str, Outcome] = {intent.nonce: Unknown("no_answer") for intent in intents}
    try:
        return unknown | VENUES[mode].submit(intents, start_by=start_by)
    except Exception:
        log.exception("submission_failed", nonces=list(unknown))
        return unknown
