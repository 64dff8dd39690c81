"""Locks after losses, each off until a policy turns it on: a cool-down, a drawdown lock, a lock of one market. Pure.

They concern openings, of any size; a smaller order passes no sooner. Without new losses a lock only ever ends.
"""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal

from risk.rules.case import Case
from risk.values import AccountSnapshot, CheckResult, EquityThen, Protections
from vanta.money import ZERO

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
LAST_MS = 253_370_764_800_000  # the last year that a time can be in: a lock that ends later ends then

Ends = Callable[[AccountSnapshot, Protections, int], int | None]
Measure = Callable[[AccountSnapshot, Protections, int], Decimal | None]


def cooldown(case: Case) -> CheckResult | None:
    """Minutes since the last stop-out or liquidation in any market; without one there is nothing to measure."""
    minutes = case.limits.protections.cooldown_minutes
    if minutes is None:
        return None
    if case.account.losses.last_stop_out_ms is None:
        return CheckResult("cooldown", True)
    return _result(case, "cooldown", Decimal(minutes))


def drawdown_lock(case: Case) -> CheckResult | None:
    """How far the equity is below its highest, as a fraction of that."""
    pct, days = case.limits.protections.drawdown_pct, case.limits.protections.drawdown_days
    if pct is None or days is None:
        return None
    return _result(case, "drawdown_lock", pct)


def market_lock(case: Case) -> CheckResult | None:
    """The stop-outs and liquidations in the order's market within the window; as many as the limit lock it."""
    stops, hours = case.limits.protections.market_stops, case.limits.protections.market_stops_hours
    if stops is None or hours is None:
        return None
    return _result(case, "market_lock", Decimal(stops))


def cooldown_ends_ms(account: AccountSnapshot, protections: Protections, now_ms: int) -> int | None:
    """When the cool-down that holds at `now_ms` ends; None where none holds."""
    minutes, last_ms = protections.cooldown_minutes, account.losses.last_stop_out_ms
    if minutes is None or last_ms is None:
        return None
    ends_ms = last_ms + minutes * MINUTE_MS
    return ends_ms if now_ms < ends_ms else None


def drawdown_ends_ms(account: AccountSnapshot, protections: Protections, now_ms: int) -> int | None:
    """When the last equity that is too high above today's leaves the window; earlier where the equity recovers."""
    pct, days = protections.drawdown_pct, protections.drawdown_days
    if pct is None or days is None:
        return None
    too_high = [then.at_ms for then in _within(account, days, now_ms) if _fallen(then, account.equity_usd) > pct]
    return max(too_high) + days * DAY_MS if too_high else None


def market_ends_ms(account: AccountSnapshot, protections: Protections, now_ms: int) -> int | None:
    """When the market's lock ends: the oldest stop-out that still makes up the number leaves the window."""
    stops, hours = protections.market_stops, protections.market_stops_hours
    if stops is None or hours is None:
        return None
    recent, needed = _recent(account, hours, now_ms), max(stops, 1)
    return None if len(recent) < needed else recent[-needed] + hours * HOUR_MS


def minutes_ago(account: AccountSnapshot, protections: Protections, now_ms: int) -> Decimal | None:
    """Since the last stop-out in any market; None where there was none."""
    last_ms = account.losses.last_stop_out_ms
    return None if last_ms is None else Decimal(max(now_ms - last_ms, 0)) / MINUTE_MS


def fallen(account: AccountSnapshot, protections: Protections, now_ms: int) -> Decimal | None:
    """How far the equity is below its highest, as a fraction of that; None where the lock is off."""
    days = protections.drawdown_days
    return None if days is None else drawdown(account, days, now_ms)


def stops_here(account: AccountSnapshot, protections: Protections, now_ms: int) -> Decimal | None:
    """The stop-outs in the order's market within the window; None where the lock is off."""
    hours = protections.market_stops_hours
    return None if hours is None else Decimal(len(_recent(account, hours, now_ms)))


MEASURES: dict[str, Measure] = {"cooldown": minutes_ago, "drawdown_lock": fallen, "market_lock": stops_here}
ENDS: dict[str, Ends] = {
    "cooldown": cooldown_ends_ms,
    "drawdown_lock": drawdown_ends_ms,
    "market_lock": market_ends_ms,
}


def drawdown(account: AccountSnapshot, days: int, now_ms: int) -> Decimal:
    """How far the equity is below its highest opening of the last `days`, as a fraction of that; never below 0."""
    return max((_fallen(then, account.equity_usd) for then in _within(account, days, now_ms)), default=ZERO)


def ends_at(ends_ms: int) -> dt.datetime:
    """The end of a lock as a time in UTC."""
    return EPOCH + dt.timedelta(milliseconds=min(max(ends_ms, 0), LAST_MS))


def _result(case: Case, code: str, limit: Decimal) -> CheckResult:
    asked = (case.account, case.limits.protections, case.now_ms)
    measured, ends_ms = MEASURES[code](*asked), ENDS[code](*asked)
    detail = "" if ends_ms is None else ends_at(ends_ms).isoformat()
    return CheckResult(code, ends_ms is None, measured, limit, detail)


def _recent(account: AccountSnapshot, hours: int, now_ms: int) -> list[int]:
    """A stop-out exactly as old as the window has left it."""
    return sorted(at_ms for at_ms in account.losses.stop_outs_here_ms if at_ms > now_ms - hours * HOUR_MS)


def _within(account: AccountSnapshot, days: int, now_ms: int) -> list[EquityThen]:
    return [then for then in account.losses.openings if then.at_ms > now_ms - days * DAY_MS]


def _fallen(then: EquityThen, equity_usd: Decimal) -> Decimal:
    """Where more was paid out since than was there, there is nothing to have fallen from."""
    return max((then.equity_usd - equity_usd) / then.equity_usd, ZERO) if then.equity_usd > ZERO else ZERO
