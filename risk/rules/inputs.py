"""Numbers that no rule could compare: refused here, so that the other rules never raise. Pure.

These rules answer only where something is wrong.
"""

from decimal import Decimal
from typing import Any

from feeds.consensus import NoConsensus
from risk.rules.case import Case, Surroundings
from risk.values import COLLATERAL_TICK, LEVERAGE_TICK, PRICE_TICK, CheckResult, OpenPosition
from vanta.money import ZERO

MAX_COLLATERAL_USD = Decimal(10) ** 12
MAX_LEVERAGE = Decimal(10) ** 6
MAX_PRICE = Decimal(10) ** 15
MAX_FILL_RATE = Decimal("0.5")  # of spread, slippage, uncertainty: two of them together leave a fill above zero
MIN_EXPONENT = -30  # of the first digit: smaller amounts, and larger ones than the next, are damage, not money
MAX_EXPONENT = 20
MAX_EXPONENTS = {"allowance_usd": 80}  # an unlimited one is the greatest number that a contract knows


def collateral_is_an_amount(case: Case) -> CheckResult | None:
    return _number("invalid_collateral", case.order.collateral_usd, MAX_COLLATERAL_USD, COLLATERAL_TICK)


def leverage_is_a_number(case: Case) -> CheckResult | None:
    return _number("invalid_leverage", case.order.leverage, MAX_LEVERAGE, LEVERAGE_TICK)


def stop_is_a_price(case: Case) -> CheckResult | None:
    price = case.order.stop_price
    return None if price is None else _number("invalid_stop", price, MAX_PRICE, PRICE_TICK)


def take_profit_is_a_price(case: Case) -> CheckResult | None:
    price = case.order.take_profit_price
    return None if price is None else _number("invalid_take_profit", price, MAX_PRICE, PRICE_TICK)


def limit_is_a_price(case: Case) -> CheckResult | None:
    price = case.order.limit_price
    return None if price is None else _number("invalid_limit", price, MAX_PRICE, PRICE_TICK)


def slippage_is_a_fraction(case: Case) -> CheckResult | None:
    rate = case.order.slippage_rate
    if _is_fill_rate(rate):
        return None
    return CheckResult("invalid_slippage", False, rate if rate.is_finite() else None, MAX_FILL_RATE)


def snapshot_is_usable(case: Case) -> CheckResult | None:
    """Account, market, limits and mark hold finite numbers and belong together; `detail` names what does not."""
    wrong = _unusable_name(case)
    return CheckResult("invalid_snapshot", False, detail=wrong) if wrong else None


def _number(code: str, value: Decimal, highest: Decimal, tick: Decimal) -> CheckResult | None:
    """None for 0 < value <= highest in whole ticks; else the detail says which of these it misses."""
    if not value.is_finite():
        return CheckResult(code, False, None, highest, "not_a_number")
    if value <= ZERO:
        return CheckResult(code, False, value, ZERO, "not_positive")
    if value > highest:
        return CheckResult(code, False, value, highest, "too_large")
    if value < tick or value % tick != ZERO:
        return CheckResult(code, False, value, tick, "too_precise")
    return None


def is_sane(value: Decimal, max_exponent: int = MAX_EXPONENT) -> bool:
    """Whether it is a number that can be compared, and neither so small nor so large that it is damage."""
    return value.is_finite() and (value == ZERO or MIN_EXPONENT <= value.adjusted() <= max_exponent)


def _is_fill_rate(rate: Decimal) -> bool:
    return is_sane(rate) and ZERO <= rate < MAX_FILL_RATE


def _unusable_name(case: Case) -> str:
    if case.order.market != case.market.symbol:
        return "market"
    held = case.order.increases
    if held is not None and held.side is not case.order.side:
        return "increases.side"
    return unusable_name(case, held)


def unusable_name(case: Surroundings, held: OpenPosition | None) -> str:
    """What cannot be compared or is damage: a field of the surroundings or of a position; empty where all is sound."""
    marked = None if isinstance(case.mark, NoConsensus) else case.mark
    account, limits = case.account, case.limits
    groups = (account, account.exposure, account.day, account.live, case.market, limits, limits.protections)
    for group in (*groups, held, marked, *account.losses.openings):
        name = _unusable_field(group)
        if name:
            return name
    if held is not None and not (held.entry_price > ZERO and held.notional_usd > ZERO):
        return "position"
    if marked is not None and not (marked.price > ZERO and _is_fill_rate(marked.uncertainty)):
        return "mark"
    return "" if _is_fill_rate(case.market.spread_rate) else "MarketRules.spread_rate"


def _unusable_field(group: Any) -> str:
    """Name of the first Decimal of a value class that is not finite or absurd; empty where all are sound."""
    for name in getattr(group, "__slots__", ()):
        value = getattr(group, name)
        if isinstance(value, Decimal) and not is_sane(value, MAX_EXPONENTS.get(name, MAX_EXPONENT)):
            return f"{type(group).__name__}.{name}"
    return ""
