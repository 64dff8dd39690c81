"""The wording of rate limits: what was used, what would pass now, and when the whole order would."""

from collections.abc import Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Any

from vanta.money import ZERO, format_number

_SPANS = {
    "opens_per_minute": "minute",
    "trades_per_day": "24 hours",
    "hourly_volume": "hour",
    "daily_volume": "24 hours",
}
UNAVAILABLE = "What you have opened lately cannot be looked up right now, so nothing opens. Closing works."


def opened_too_often(numbers: Mapping[str, Any]) -> str:
    """`You have opened 5 of 5 positions in the last minute; the next one passes in 12 s.`"""
    when = f"the next one passes in {wait(numbers['retry_after_s'])}" if "retry_after_s" in numbers else "none may pass"
    used, limit = _amount(numbers, "used"), _amount(numbers, "limit")
    return f"You have opened {used} of {limit} positions in the last {_SPANS[numbers['code']]}; {when}."


def opened_too_much(numbers: Mapping[str, Any]) -> str:
    """`You have opened 9,500 of 10,000 USDC in the last hour; 500 would pass now, the whole order in 12 min.`"""
    left = max(Decimal(numbers.get("limit", 0)) - Decimal(numbers.get("used", 0)), ZERO)
    now = f"{format_number(left.normalize())} would pass now" if left else "nothing would pass now"
    whole = f"in {wait(numbers['retry_after_s'])}" if "retry_after_s" in numbers else "never: it is larger than that"
    used, limit = _amount(numbers, "used"), _amount(numbers, "limit")
    return (
        f"You have opened {used} of {limit} USDC in the last {_SPANS[numbers['code']]}; {now}, the whole order {whole}."
    )


def slow_down(retry_after_ms: int) -> str:
    """For more messages in a minute than Vanta handles."""
    return (
        f"🐢 Slow down, please: I read on in {wait(Decimal(retry_after_ms) / 1000)}. "
        "Closing, canceling and stopping always work."
    )


def wait(seconds: Decimal | str) -> str:
    """`8 s`, `12 min`, `5 h`, `3 d`: rounded up, so that it is never too early."""
    left = int(Decimal(seconds).to_integral_value(ROUND_CEILING))
    if left <= 120:
        return f"{left} s"
    if left <= 7200:
        return f"{-(-left // 60)} min"
    return f"{-(-left // 3600)} h" if left <= 172_800 else f"{-(-left // 86_400)} d"


def _amount(numbers: Mapping[str, Any], name: str) -> str:
    return format_number(Decimal(numbers[name]).normalize()) if name in numbers else "—"
