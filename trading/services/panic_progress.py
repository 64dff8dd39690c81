"""How far a trader's emergency stop has come: what is open, what is being closed, what waits and why."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.db.models import F, Q, Sum

from risk import trading_state
from risk.margin import Side
from risk.trading_state import TradingState
from trading.models import Fill, Order, Panic, Position
from trading.models.loading import with_market
from trading.models.orders import OPENINGS, K
from trading.order_state import IN_FLIGHT, PENDING, OrderState
from trading.services import decisions
from vanta import clock

MAX_TRIES = 3  # of closing one position, until its trader says that it is to be tried again
AGAIN_AFTER = dt.timedelta(seconds=10)
CAME_TO_NOTHING = (OrderState.REJECTED, OrderState.EXPIRED, OrderState.CANCELED)
CANCELED = "canceled_by_panic"  # of openings that had not left yet
HALTED = f"trading_{TradingState.HALTED.value}"  # of a closing that a halt took back: no try of its own


class Step(StrEnum):
    """What is being done about an open position."""

    DUE = "due"  # a closing is to be ordered now
    CLOSING = "closing"
    AGAIN = "again"  # the last closing came to nothing; the next one follows
    FAILED = "failed"  # so did all of them
    HALTED = "halted"  # nothing is submitted
    MARKET_CLOSED = "market_closed"


@dataclass(frozen=True, slots=True)
class Standing:
    """An open position and what keeps it open; `reason` is why its last closing came to nothing."""

    position: Position
    step: Step
    reason: str = ""
    opens_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """`pnl_usd` is what the closings since have realised, net, by execution mode."""

    open: Sequence[Standing]
    closed: int
    unresolved: Sequence[Order]  # openings that may still be filled, and those that rest
    canceled: Sequence[int]  # openings that the first tap stopped before they left
    pnl_usd: dict[str, Decimal]

    @property
    def total(self) -> int:
        return self.closed + len(self.open)

    @property
    def is_done(self) -> bool:
        return not self.open and not self.unresolved

    @property
    def failed(self) -> int:
        """Positions that nobody tries to close any more."""
        return sum(each.step == Step.FAILED for each in self.open)

    def as_json(self) -> dict[str, Any]:
        """What a message about it tells: where this is the same, so is the message."""
        return {
            "open": [[each.position.pk, each.step, each.reason, str(each.opens_at)] for each in self.open],
            "closed": self.closed,
            "unresolved": [[order.pk, order.state] for order in self.unresolved],
        }


def progress(panic: Panic) -> Progress:
    """Read now; of a panic that closes nothing yet, only what is open and what may still open."""
    held = list(with_market(_of(panic).filter(status=Position.Status.OPEN)).order_by("pk"))
    closings = _closings(panic, held)
    is_halted = trading_state.current() is TradingState.HALTED
    since = panic.closing_at
    return Progress(
        open=[_standing(position, closings.get(position.pk, ()), is_halted=is_halted) for position in held],
        closed=_of(panic).filter(closed_at__gte=since).count() if since else 0,
        unresolved=unresolved(panic),
        canceled=_canceled(panic),
        pnl_usd=_realised(panic, since) if since else {},
    )


def unresolved(panic: Panic) -> list[Order]:
    """The trader's openings that may still become positions."""
    openings = Order.objects.filter(trader=panic.trader_id, kind__in=OPENINGS)
    waiting = openings.filter(state__in=IN_FLIGHT | {OrderState.APPROVED, OrderState.RESTING})
    return list(with_market(waiting).order_by("pk"))


def _canceled(panic: Panic) -> list[int]:
    stopped = Order.objects.filter(trader=panic.trader_id, reason=CANCELED, ended_at__gte=panic.began_at)
    return list(stopped.order_by("pk").values_list("pk", flat=True))


def _of(panic: Panic) -> Any:
    return Position.objects.filter(trader=panic.trader_id)


def _closings(panic: Panic, held: Sequence[Position]) -> dict[int, list[Order]]:
    """Of each position, oldest first: those under way, and those since that came to nothing."""
    since = panic.tried_from or panic.closing_at
    if since is None:
        return {}
    tried = Q(state__in=CAME_TO_NOTHING, created_at__gte=since) & ~Q(reason=HALTED)
    found: dict[int, list[Order]] = {}
    for order in Order.objects.filter(Q(state__in=PENDING) | tried, kind=K.CLOSE, position__in=held).order_by("pk"):
        found.setdefault(order.position_id or 0, []).append(order)
    return found


def _standing(position: Position, closings: Sequence[Order], *, is_halted: bool) -> Standing:
    under_way = [order for order in closings if order.state in PENDING]
    tries = [order for order in closings if order.state not in PENDING]
    if sum(order.collateral_usd for order in under_way) >= position.collateral_usd:
        return Standing(position, Step.CLOSING)
    if is_halted:
        return Standing(position, Step.HALTED)
    decision = decisions.decide_reduction(position.market, Side(position.side))
    if not decision.approved:
        return Standing(position, Step.MARKET_CLOSED, opens_at=position.market.next_open_at)
    if not tries:
        return Standing(position, Step.DUE)
    last = tries[-1]
    if len(tries) >= MAX_TRIES:
        return Standing(position, Step.FAILED, last.reason)
    is_due = last.ended_at is None or last.ended_at < clock.now() - AGAIN_AFTER
    return Standing(position, Step.DUE if is_due else Step.AGAIN, last.reason)


def _realised(panic: Panic, since: dt.datetime) -> dict[str, Decimal]:
    fills = Fill.objects.filter(order__trader=panic.trader_id, order__kind=K.CLOSE, order__ended_at__gte=since)
    sums = fills.values("order__mode").annotate(net=Sum(F("pnl_usd") - F("fee_usd") - F("accrued_usd")))
    return {row["order__mode"]: row["net"] for row in sums.order_by("order__mode")}
