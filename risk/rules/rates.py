"""How often and how much one trader opens: the windows' state in front of this order. Pure.

Redis decides; these rules say the same of the numbers that it answered with. Without usage they are not asked.
"""

from decimal import Decimal

from risk.rules.case import Case, Rule
from risk.usage import WINDOWS, Window, limit_units, units
from risk.values import CheckResult
from vanta.money import USDC_QUANTUM


def rates_are_known(case: Case) -> CheckResult | None:
    """Nothing opens while nobody can say what was opened before."""
    is_unknown = case.usage is not None and not case.usage.is_known
    return CheckResult("rate_limits_unavailable", False) if is_unknown else None


def _within(window: Window) -> Rule:
    def rule(case: Case) -> CheckResult | None:
        if case.usage is None or not case.usage.is_known:
            return None
        limit = limit_units(window, case.limits)
        used = case.usage.standings[window.code].used
        if not window.is_volume:
            return CheckResult(window.code, used + 1 <= limit, used + 1, Decimal(limit))
        measured = used + units(case.order.notional_usd) * USDC_QUANTUM
        return CheckResult(window.code, measured <= limit * USDC_QUANTUM, measured, limit * USDC_QUANTUM)

    return rule


RATE_RULES: tuple[tuple[str, Rule], ...] = (
    ("rate_limits_unavailable", rates_are_known),
    *((window.code, _within(window)) for window in WINDOWS),
)
