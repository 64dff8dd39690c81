"""Deciding on confirmed drafts, many at once: every trader's row locked, one reading for all, one writing for all.

A decision sees what the decisions before it in the same batch have reserved, as if each had been alone.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import structlog
from django.conf import settings

from feeds.consensus import MarkPrice, NoConsensus
from risk import trading_state
from risk.rate_limits import Verdict
from trading.day_openings import write_down
from trading.errors import DraftGone, LiveNotConfirmed, OrderNotFound, PricesUnreachable
from trading.history import move_each, transition
from trading.models import Order, Trader
from trading.models.loading import lock_traders, with_market
from trading.models.orders import OPENINGS
from trading.models.traders import Mode
from trading.order_state import OrderState
from trading.risk_inputs import Desk
from trading.services import admission, days, decisions
from trading.services.decisions import Weighed
from trading.transactions import joined
from vanta import clock, metrics, redis, tracing
from vanta.wake import wake_on_commit

log = structlog.get_logger(__name__)
LATE = dt.timedelta(seconds=2)  # when nothing is down, a confirmation is decided within milliseconds
FEEDS_RETURN_WITHIN_S = 15  # after a restart of Redis; every process has to connect again first
DECIDED = (
    *("decision", "reason", "quoted_price", "worst_loss_usd"),
    *("card_message_id", "trace_id", "live_confirmed_at", "decided_at", "next_check_at"),
    *("stop_loss", "take_profit"),
)


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A trader's yes to a quote. `message_id` is the card that was tapped, `came_at` when Vanta heard of it.

    `is_live_confirmed`: it is the second yes, the one to real money.
    """

    telegram_id: int
    order_id: int
    message_id: int | None = None
    trace_id: str = ""
    quote_number: int = 1
    came_at: dt.datetime | None = None
    is_live_confirmed: bool = False


Placed = Order | OrderNotFound | DraftGone | LiveNotConfirmed


def place(*, trader: Trader, order_id: int, message_id: int | None = None, is_live_confirmed: bool = False) -> Order:
    """Decide on one draft. Raises what `place_all` answers with, and PricesUnreachable."""
    trace_id = tracing.current_trace_id()
    confirmation = Confirmation(trader.telegram_id, order_id, message_id, trace_id, is_live_confirmed=is_live_confirmed)
    placed = place_all([confirmation])[0]
    if isinstance(placed, Order):
        return placed
    raise placed


@joined
def place_all(confirmations: Sequence[Confirmation]) -> list[Placed]:
    """Decide on drafts that their traders confirmed; answers in the order of `confirmations`.

    An order's state says what became of it: APPROVED and on its way, DENIED, EXPIRED, or still DRAFT where the price
    has drifted and it was quoted anew. OrderNotFound: no such order of this trader. DraftGone: confirmed, canceled or
    expired before. LiveNotConfirmed: it is LIVE, and this was only the first yes. Raises PricesUnreachable, with
    nothing written, where Redis cannot say what the prices are.
    """
    started = clock.monotonic()
    orders = lock_orders([confirmation.order_id for confirmation in confirmations])
    desk = Desk.read(list(orders.values()))
    write_down(desk.openings)
    batch = _Batch(desk, trading_state.current())
    answers = batch.decide_all([(orders.get(confirmation.order_id), confirmation) for confirmation in confirmations])
    batch.write()
    if confirmations:
        metrics.decision_seconds.observe((clock.monotonic() - started) / len(confirmations))
    return answers


def lock_orders(order_ids: Sequence[int]) -> dict[int, Order]:
    """Orders, locked after their traders' rows: decisions on one trader's orders are made one at a time."""
    wanted = Order.objects.filter(pk__in=order_ids)
    lock_traders(wanted.values_list("trader_id", flat=True))
    rows = with_market(wanted, "trader").select_for_update(of=("self",))
    return {order.pk: order for order in rows.order_by("pk")}


def has_drifted(order: Order, mark: MarkPrice) -> bool:
    """Whether the price has left the band around the preview's price in which a confirmation counts.

    An order that waits for a price of its own has no such band: on which side the mark is, is a check's to say.
    """
    return not order.rests and abs(mark.price - order.quoted_price) > order.quoted_price * settings.DRAFT_MAX_DRIFT_PCT


class _Batch:
    """What has been decided so far and is still to be written."""

    def __init__(self, desk: Desk, state: trading_state.TradingState) -> None:
        self._desk = desk
        self._state = state
        self._decided: dict[OrderState, list[Order]] = defaultdict(list)
        self._ends: dict[int, OrderState] = {}

    def decide_all(self, confirmed: Sequence[tuple[Order | None, Confirmation]]) -> list[Placed]:
        """All confirmations, as if one after the other; nothing is written yet but new quotes.

        One round asks Redis once, and decides all but what comes after an order of the same account that a rate limit
        refused: that was weighed as if the order had been approved, and is weighed again.
        """
        placed: dict[int, Placed] = {}
        while waiting := [number for number in range(len(confirmed)) if number not in placed]:
            weighed: dict[int, Weighed] = {}
            for number in waiting:
                self._weigh(number, *confirmed[number], placed, weighed)
            verdicts = admission.ask(list(weighed.values()), self._decided[OrderState.APPROVED])
            for (number, each), verdict in zip(weighed.items(), verdicts, strict=True):
                if each.would_open and not verdict.is_granted:
                    self._desk.release(each.order)
                if not verdict.is_undecided:
                    self._conclude(each, verdict)
                    placed[number] = each.order
        return [placed[number] for number in range(len(confirmed))]

    def _weigh(
        self,
        number: int,
        order: Order | None,
        confirmation: Confirmation,
        placed: dict[int, Placed],
        weighed: dict[int, Weighed],
    ) -> None:
        """What needs no decision goes to `placed`, the rest to `weighed`; a second yes to one order waits."""
        if order is not None and any(each.order is order for each in weighed.values()):
            return
        answer = self._answer_or_weigh(order, confirmation)
        if isinstance(answer, Weighed):
            weighed[number] = answer
            if answer.would_open:
                self._desk.reserve(answer.order)
        else:
            placed[number] = answer

    def _answer_or_weigh(self, order: Order | None, confirmation: Confirmation) -> Placed | Weighed:
        is_theirs = order is not None and order.trader.telegram_id == confirmation.telegram_id
        if order is None or not is_theirs or order.kind not in OPENINGS:
            return OrderNotFound(order_id=confirmation.order_id)
        state = self._ends.get(order.pk, OrderState(order.state))
        if state != OrderState.DRAFT:
            return DraftGone(state, order.pk)
        order.card_message_id = confirmation.message_id or order.card_message_id
        order.trace_id = confirmation.trace_id or order.trace_id
        if clock.now() > order.valid_until:
            self._end(order, OrderState.EXPIRED, "draft_expired")
            return order
        if confirmation.quote_number != order.quote_number:
            return order  # a yes to a price that is not on the card any more
        if order.mode == Mode.LIVE:
            if not confirmation.is_live_confirmed:
                return LiveNotConfirmed(order_id=order.pk)
            order.live_confirmed_at = clock.now()
        weighed = decisions.weigh_opening(order, self._desk, self._state)
        mark = weighed.mark
        if isinstance(mark, NoConsensus) and _is_coming_back(mark, confirmation):
            raise PricesUnreachable(order_id=order.pk)
        if isinstance(mark, MarkPrice):
            if has_drifted(order, mark):
                _quote_anew(order, mark, weighed.worst_loss_usd)
                return order
            if not order.rests:
                order.quoted_price = mark.price  # slippage counts from the price that the decision was made on
            order.worst_loss_usd = weighed.worst_loss_usd
        return weighed

    def _conclude(self, weighed: Weighed, verdict: Verdict) -> None:
        order, decision = weighed.order, weighed.decided(verdict.usage)
        order.decision = decisions.as_json(decision, weighed.mark, weighed.case.limits)
        if weighed.obstacle:
            self._end(order, OrderState.DENIED, weighed.obstacle)
        elif decision.approved:
            self._end(order, OrderState.APPROVED)
        else:
            self._end(order, OrderState.DENIED, ",".join(decision.codes)[:200])

    def _end(self, order: Order, state: OrderState, reason: str = "") -> None:
        order.reason = reason
        order.next_check_at = clock.now()
        if state != OrderState.EXPIRED:  # nobody decided on it
            order.decided_at = order.next_check_at
        self._ends[order.pk] = state
        self._decided[state].append(order)

    def write(self) -> None:
        """Store the decisions, a statement for each kind."""
        for state, orders in self._decided.items():
            details = {order.pk: {"codes": order.reason.split(",")} for order in orders if order.reason}
            move_each(orders, state, details, columns=DECIDED)
            for order in orders:
                tell(order)
                if state == OrderState.DENIED:
                    days.lock_if_reached(order)
        wake_executors(self._decided[OrderState.APPROVED])


def _is_coming_back(mark: NoConsensus, confirmation: Confirmation) -> bool:
    """Whether the price is only away for a moment; the draft's end bounds the wait.

    Redis cannot be read, was emptied or restarted, or what delayed this confirmation has delayed the feeds as well. A
    price that stands still while nothing was away is refused.
    """
    if mark.reason == "no_quotes":
        return True
    is_late = confirmation.came_at is not None and clock.now() - confirmation.came_at > LATE
    return mark.reason == "no_fresh_quote" and (is_late or redis.has_just_started(FEEDS_RETURN_WITHIN_S))


def _quote_anew(order: Order, mark: MarkPrice, worst_loss_usd: Decimal) -> None:
    order.quoted_price = mark.price
    order.quote_number += 1
    order.valid_until = clock.now() + dt.timedelta(seconds=settings.DRAFT_VALID_S)
    order.worst_loss_usd = worst_loss_usd
    columns = ("quoted_price", "quote_number", "valid_until", "worst_loss_usd", "card_message_id")
    order.save(update_fields=[*columns, "stop_loss", "take_profit"])
    log.info("draft_quoted_anew", order_id=order.pk, price=mark.price)


def approve(order: Order) -> None:
    """Let an order out that needs no confirmation."""
    now = clock.now()
    transition(order, OrderState.APPROVED, decision=order.decision, decided_at=now, next_check_at=now)
    tell(order)
    wake_executors([order])


def wake_executors(approved: Sequence[Order]) -> None:
    """Wake whoever carries these out: LIVE orders are the signing worker's."""
    for kind in sorted({"signing" if order.mode == Mode.LIVE else "orders" for order in approved}):
        wake_on_commit(kind)


def deny(order: Order, codes: Sequence[str]) -> None:
    """Refuse an order, with every reason."""
    reason = ",".join(codes)[:200]
    transition(
        order, OrderState.DENIED, {"codes": list(codes)}, decision=order.decision, decided_at=clock.now(), reason=reason
    )
    tell(order)


def tell(order: Order) -> None:
    """Log a decision and count its denials."""
    codes = order.reason.split(",") if order.state == OrderState.DENIED else []
    for code in codes:
        metrics.denials.labels(code).inc()
    with tracing.bind_trace(order.trace_id):
        log.info("order_" + order.state.lower(), order_id=order.pk, codes=codes or None)
