"""Past opening orders decided again under other limits, from what was measured when they were decided. Writes nothing.

Held as they were: prices, equity, exposure, pending orders, the trading state and the venue's rules. Limits are
compared with what was measured; rate limits are replayed in order, so that an order that would be denied frees its
window for the next ones, and a day that would be locked stays so. Protections are held against the stop-outs that there
were, but for those of positions that would not have been opened.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal, localcontext
from typing import Any

from risk.limits import Terms, value_of
from risk.usage import DAY_MS, WINDOWS, Window, limit_units, units
from risk.values import Limits
from trading import past_locks
from trading.limits import Triple, bindings
from trading.models import Order
from trading.models.orders import OPENINGS, K
from trading.order_state import OrderState
from trading.past_locks import Moment, PastLosses
from vanta.money import USDC_QUANTUM, ZERO

ARITHMETIC = Context(prec=60)
# What a check's limit is: the limit itself, or that share of what was there (equity, a distance).
DIRECT = {"position_size": "max_position_size_usd", "price_stale": "price_max_age_s", "leverage": "max_leverage"}
SHARES = {
    "account_risk": "max_account_risk_pct",
    "daily_loss": "max_daily_loss_pct",
    "daily_loss_locked": "max_daily_loss_pct",
    "price_uncertain": "price_max_uncertainty_share",
    "liquidation_buffer": "liquidation_buffer_pct",
}
LOCKS = {"cooldown": "cooldown_minutes", "drawdown_lock": "drawdown_pct", "market_lock": "market_stops"}
WINDOW_CODES = {window.code: window for window in WINDOWS}
AccountDay = tuple[int, str, dt.date]
Opened = tuple[int, Decimal]


@dataclass(frozen=True, slots=True)
class Proposal:
    """Whom it concerns, as what they would point at by trader, and the terms that would be in force."""

    triples: Mapping[int, Triple]
    terms: Mapping[int, Terms]


@dataclass(frozen=True, slots=True)
class Recheck:
    """One check then and under the proposal; numbers are missing where a check has none."""

    code: str
    passed: bool
    passes: bool
    measured: Decimal | None
    limit_then: Decimal | None
    limit: Decimal | None


@dataclass(frozen=True, slots=True)
class Redecision:
    """An order as it was decided and as it would be; `checks` are those whose answer is another one."""

    order: Order
    was_approved: bool
    would_be_approved: bool
    checks: Sequence[Recheck]

    @property
    def is_changed(self) -> bool:
        return self.was_approved != self.would_be_approved


@dataclass(frozen=True, slots=True)
class Replay:
    """All decisions, oldest first. `without_limits` were made before limits were kept: today's stand in for theirs."""

    decisions: Sequence[Redecision]
    without_limits: int = 0

    @property
    def changed(self) -> list[Redecision]:
        return [each for each in self.decisions if each.is_changed]


@dataclass(slots=True)
class _Past:
    """What would have happened up to the order that is looked at."""

    opened: dict[tuple[int, str], list[Opened]] = field(default_factory=lambda: defaultdict(list))
    locked: set[AccountDay] = field(default_factory=set)
    never_opened: set[int] = field(default_factory=set)  # positions


def replay(proposal: Proposal, *, since: dt.datetime) -> Replay:
    """Decide again on every opening of these traders that was decided since then."""
    found = bindings(proposal.triples.values(), proposed=proposal.terms)
    today = bindings(proposal.triples.values())
    past, decisions, without_limits = _Past(), [], 0
    protections = {pk: found[triple].limits.protections for pk, triple in proposal.triples.items()}
    lost = PastLosses.read(protections, since)
    for order in _decided(proposal.triples, since - dt.timedelta(milliseconds=DAY_MS)):
        was_approved = order.state != OrderState.DENIED
        if _at(order) < since:
            if was_approved:
                _open(past, order)
            continue
        triple = proposal.triples[order.trader_id]
        without_limits += "limits" not in order.decision
        with localcontext(ARITHMETIC):
            then = _Then.of(order, today[triple].limits)
            rechecks = [
                *_against_limits(order, then, found[triple].limits, past),
                *_against_losses(order, then, found[triple].limits, lost, past.never_opened),
            ]
        redecision = _decide(order, rechecks, was_approved=was_approved)
        if redecision.would_be_approved:
            _open(past, order)
        elif order.kind == K.OPEN and order.position_id is not None:
            past.never_opened.add(order.position_id)
        decisions.append(redecision)
    return Replay(decisions, without_limits)


@dataclass(frozen=True, slots=True)
class _Then:
    """An order's stored checks, and the value of each limit when they were made."""

    checks: Sequence[Mapping[str, Any]]
    limits: Mapping[str, Decimal]

    @classmethod
    def of(cls, order: Order, today: Limits) -> "_Then":
        names = {*DIRECT.values(), *SHARES.values()}
        stored = order.decision.get("limits", {})
        limits = {name: Decimal(stored.get(name, value_of(today, name))) for name in names}
        return cls(order.decision.get("checks", ()), limits)

    @property
    def equity_usd(self) -> Decimal | None:
        """From the limit on one position's loss, which is a share of it; None where that was not asked."""
        share = self.limits["max_account_risk_pct"]
        budgets = [check["limit"] for check in self.checks if check["code"] == "account_risk" and "limit" in check]
        return Decimal(budgets[0]) / share if budgets and share else None


def _decided(trader_ids: Iterable[int], since: dt.datetime) -> Iterator[Order]:
    orders = Order.objects.filter(trader__in=list(trader_ids), kind__in=OPENINGS, decided_at__gte=since)
    rows = orders.exclude(state=OrderState.DRAFT).select_related("market", "trader").defer("market__venue_params")
    return rows.order_by("decided_at", "pk").iterator(chunk_size=1000)


def _at(order: Order) -> dt.datetime:
    return order.decided_at or order.created_at


def _at_ms(order: Order) -> int:
    return round(_at(order).timestamp() * 1000)


def _notional(order: Order) -> Decimal:
    return order.collateral_usd * order.leverage


def _open(past: _Past, order: Order) -> None:
    past.opened[order.trader_id, order.mode].append((_at_ms(order), _notional(order)))


def _decide(order: Order, rechecks: Sequence[Recheck], *, was_approved: bool) -> Redecision:
    # A disabled trader's order was denied without any check that failed: it would be again.
    held = not was_approved and all(each.passed for each in rechecks)
    would = not held and all(each.passes for each in rechecks)
    return Redecision(order, was_approved, would, [each for each in rechecks if each.passed != each.passes])


def _against_limits(order: Order, then: _Then, limits: Limits, past: _Past) -> Iterator[Recheck]:
    for check in then.checks:
        if check["code"] not in past_locks.CODES:
            yield _recheck(order, check, then, limits, past)


def _against_losses(
    order: Order, then: _Then, limits: Limits, lost: PastLosses, never_opened: Collection[int]
) -> Iterator[Recheck]:
    """Protections that were asked then, or would be; one that cannot be told any more answers as it did."""
    asked = {str(check["code"]): check for check in then.checks if check["code"] in past_locks.CODES}
    moment = Moment((order.trader_id, order.mode), order.market_id, _at_ms(order), then.equity_usd)
    locks = lost.locks(moment, limits.protections, but=never_opened)
    for code, name in LOCKS.items():
        check, limit = asked.get(code, {}), value_of(limits, name)
        passed = bool(check.get("passed", True))
        if code in locks:
            measured = lost.measured(code, moment, limits.protections, but=never_opened)
            passes = not locks[code]
        elif check:
            measured, passes = None, passed if limit is not None else True
        else:
            continue
        yield Recheck(
            code, passed, passes, measured, _number(check, "limit"), None if limit is None else Decimal(limit)
        )


def _number(check: Mapping[str, Any], name: str) -> Decimal | None:
    return Decimal(check[name]) if name in check else None


def _recheck(order: Order, check: Mapping[str, Any], then: _Then, limits: Limits, past: _Past) -> Recheck:
    code, passed = str(check["code"]), bool(check["passed"])
    measured, limit_then = _number(check, "measured"), _number(check, "limit")
    if code in WINDOW_CODES:
        measured, limit, passes = _window(WINDOW_CODES[code], order, limits, past)
        return Recheck(code, passed, passes, measured, limit_then, limit)
    if measured is None or limit_then is None or code not in {**DIRECT, **SHARES} or check.get("detail") == "minimum":
        return Recheck(code, passed, passed, measured, limit_then, limit_then)
    new_limit = _limit(code, order, limit_then, then, limits)
    if new_limit is None:
        return Recheck(code, passed, passed, measured, limit_then, limit_then)
    if code == "daily_loss_locked":
        return Recheck(code, passed, _stays_open(order, check, new_limit, past), measured, limit_then, new_limit)
    passes = measured >= new_limit if code == "liquidation_buffer" else measured <= new_limit
    return Recheck(code, passed, passes, measured, limit_then, new_limit)


def _limit(code: str, order: Order, limit_then: Decimal, then: _Then, limits: Limits) -> Decimal | None:
    """A check's limit under the proposal; None where what was stored cannot tell."""
    name = DIRECT.get(code) or SHARES[code]
    old, new = then.limits[name], Decimal(value_of(limits, name) or ZERO)
    if code == "leverage":
        of_pair = limit_then if limit_then < old else order.market.max_leverage
        return min(new, of_pair)
    if code in DIRECT:
        return new
    if new == old:
        return limit_then
    return limit_then / old * new if old else None


def _stays_open(order: Order, check: Mapping[str, Any], limit: Decimal, past: _Past) -> bool:
    """Whether the day's loss would leave the day open; one that was locked before this order stays locked."""
    loss, limit_then = Decimal(check["measured"]), Decimal(check["limit"])
    day = (order.trader_id, order.mode, _at(order).date())
    if loss > ZERO and loss >= limit:
        past.locked.add(day)
    was_locked_before = not check["passed"] and loss < limit_then
    return day not in past.locked and not was_locked_before


def _window(window: Window, order: Order, limits: Limits, past: _Past) -> tuple[Decimal, Decimal, bool]:
    """What this order would have brought the window to, its limit, and whether that fits."""
    at, limit = _at_ms(order), limit_units(window, limits)
    inside = [usd for opened_at, usd in past.opened[order.trader_id, order.mode] if opened_at > at - window.length_ms]
    if not window.is_volume:
        return Decimal(len(inside) + 1), Decimal(limit), len(inside) + 1 <= limit
    measured = sum(map(units, inside)) + units(_notional(order))
    return measured * USDC_QUANTUM, limit * USDC_QUANTUM, measured <= limit
