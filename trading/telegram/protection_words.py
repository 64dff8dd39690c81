"""The wording of protections: which lock holds openings, why, until when, and that closing works. HTML."""

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import ROUND_UP, Decimal
from html import escape
from typing import Any

from trading.protection_usage import ProtectionUsage
from trading.telegram.rate_words import wait
from vanta import clock
from vanta.money import format_number, format_percent

Numbers = Mapping[str, Any]


def cooling_down(numbers: Numbers) -> str:
    """`A cool-down of 60 min follows a stop-out or a liquidation; your last was 12 min ago. You can open again …`"""
    ago, length = _minutes(numbers, "measured"), _minutes(numbers, "limit")
    return f"A cool-down of {length} follows a stop-out or a liquidation; your last was {ago} ago. {_again(numbers)}"


def drawn_down(numbers: Numbers) -> str:
    """`Your equity is 12.3 % below its recent high; 10 % is the limit. You can open again …`"""
    fallen, limit = (_percent(numbers, name) for name in ("measured", "limit"))
    sooner = ", or once it is back within the limit" if numbers.get("detail") else ""
    return f"Your equity is {fallen} below its recent high; {limit} is the limit. {_again(numbers, sooner=sooner)}"


def market_locked(numbers: Numbers) -> str:
    """`You were stopped out or liquidated here 3 times lately; 3 lock the market for you. You can open here again …`"""
    count, limit = _count(numbers, "measured"), _count(numbers, "limit")
    times = "once" if count == "1" else f"{count} times"
    lock = "locks" if limit == "1" else "lock"
    locked = f"You were stopped out or liquidated here {times} lately; {limit} {lock} the market for you."
    return f"{locked} {_again(numbers, where='here ')}"


def on_page(usage: ProtectionUsage | None) -> str:
    """The section of /risk; empty where all protections are off."""
    if usage is None:
        return ""
    return "\n".join(["", "", "<b>Protections</b>", *_terms(usage), *locks(usage)])


def locks(usage: ProtectionUsage) -> Sequence[str]:
    """A line for each lock that holds now."""
    held = [
        *([f"⏸ Cool-down: {_until(usage.cooldown_until)}"] if usage.cooldown_until else []),
        *([f"🔒 Drawdown lock: {_until(usage.drawdown_until)} at the latest"] if usage.drawdown_until else []),
        *(f"🔒 {escape(symbol.removesuffix('/USD'))}: {_until(at)}" for symbol, at in usage.locked_markets),
    ]
    return [*held, "Closing works."] if held else []


def _terms(usage: ProtectionUsage) -> Sequence[str]:
    on = usage.protections
    terms = []
    if on.cooldown_minutes is not None:
        terms.append(f"Cool-down  {on.cooldown_minutes} min after a stop-out or a liquidation")
    if on.drawdown_pct is not None and on.drawdown_days is not None:
        fallen, limit = _share(usage.drawdown), _share(on.drawdown_pct)
        terms.append(f"Drawdown  {fallen} of {limit} below {_highest(on.drawdown_days)}")
    if on.market_stops is not None and on.market_stops_hours is not None:
        ends = "stop-out or liquidation" if on.market_stops == 1 else "stop-outs or liquidations"
        terms.append(f"A market is locked by  {on.market_stops} {ends} in {on.market_stops_hours} h")
    return terms


def _highest(days: int) -> str:
    return "00:00 UTC of today" if days == 1 else f"the highest 00:00 UTC of {days} days"


def _until(at: dt.datetime) -> str:
    """`no openings until Mon 23 Nov 12:48:00 UTC (48 min)`."""
    left_s = Decimal(max(round((at - clock.now()).total_seconds() * 1000), 0)) / 1000
    return f"no openings until {_moment(at)} ({wait(left_s)})"


def _again(numbers: Numbers, *, where: str = "", sooner: str = "") -> str:
    if not numbers.get("detail"):
        return "/risk says until when. Closing works."
    left = f" (in {wait(numbers['retry_after_s'])})" if "retry_after_s" in numbers else ""
    at = dt.datetime.fromisoformat(str(numbers["detail"]))
    return f"You can open {where}again from {_moment(at)}{left}{sooner}. Closing works."


def _moment(at: dt.datetime) -> str:
    """`Mon 23 Nov 12:48:00 UTC`: rounded up to a second, so that it is never too early."""
    whole = at.astimezone(dt.UTC) + dt.timedelta(microseconds=999_999)
    return f"{whole:%a %d %b %H:%M:%S} UTC"


def _minutes(numbers: Numbers, name: str) -> str:
    if name not in numbers:
        return "—"
    minutes = Decimal(numbers[name])
    return f"{int(minutes * 60)} s" if minutes < 1 else f"{int(minutes)} min"


def _percent(numbers: Numbers, name: str) -> str:
    return _share(Decimal(numbers[name])) if name in numbers else "—"


def _share(fraction: Decimal) -> str:
    """Rounded up: what is beyond a limit never reads as if it were at it."""
    return format_percent(fraction.quantize(Decimal("0.0001"), ROUND_UP))


def _count(numbers: Numbers, name: str) -> str:
    return format_number(Decimal(numbers[name]).normalize()) if name in numbers else "—"
