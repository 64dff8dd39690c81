"""The horizontal axis: which candles have their time written below them, in UTC. Pure."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

HOUR_S, DAY_S = 3600, 86_400
_SECONDS = (*(60 * n for n in (1, 5, 10, 15, 30)), *(HOUR_S * n for n in (1, 2, 3, 6, 12)), DAY_S, 2 * DAY_S)
_DAYS = (7, 14)
_MONTHS = (1, 3, 6, 12)
MONDAY_SHIFT = 3  # 1 January 1970 was a Thursday
Period = Callable[[dt.datetime], int]


@dataclass(frozen=True, slots=True)
class TimeTick:
    """The candle at `place` begins a new period, which `text` names."""

    place: int
    text: str


def time_ticks(starts: Sequence[dt.datetime], *, step: dt.timedelta, at_most: int) -> list[TimeTick]:
    """The candles that begin an hour, a day, a month …: of the finest period that gives `at_most` of them."""
    step_s = int(step.total_seconds())
    found: list[int] = []
    for period_s, period in _periods():
        if period_s < step_s:
            continue
        found = _beginnings(starts, period)
        if len(found) <= at_most:
            break
    places = found[:: -(-len(found) // at_most)] if found else [0]
    return [TimeTick(place, _text(starts, place, step_s)) for place in places]


def _periods() -> list[tuple[int, Period]]:
    """Each period's length in seconds, and which one of them a time falls into."""
    seconds = [(period_s, _of_seconds(period_s)) for period_s in _SECONDS]
    days = [(days * DAY_S, _of_days(days)) for days in _DAYS]
    months = [(months * 28 * DAY_S, _of_months(months)) for months in _MONTHS]
    return [*seconds, *days, *months]


def _of_seconds(period_s: int) -> Period:
    return lambda at: int(at.timestamp()) // period_s


def _of_days(days: int) -> Period:
    return lambda at: (int(at.timestamp()) // DAY_S + MONDAY_SHIFT) // days


def _of_months(months: int) -> Period:
    return lambda at: (at.year * 12 + at.month - 1) // months


def _beginnings(starts: Sequence[dt.datetime], period: Period) -> list[int]:
    """Where a period other than the one before begins; the first candle, only where it begins with its period."""
    numbers = [period(starts[0] - dt.timedelta(seconds=1)), *(period(start) for start in starts)]
    return [place for place in range(len(starts)) if numbers[place + 1] != numbers[place]]


def _text(starts: Sequence[dt.datetime], place: int, step_s: int) -> str:
    at = starts[place]
    before = starts[place - 1] if place else at - dt.timedelta(seconds=1)
    if step_s >= DAY_S and at.year != before.year:
        return f"{at:%Y}"
    return f"{at.day} {at:%b}" if step_s >= DAY_S or at.date() != before.date() else f"{at:%H:%M}"
