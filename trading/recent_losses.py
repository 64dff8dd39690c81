"""What accounts have lost lately, as far as their protections look back: stop-outs, and what past days began with.

A stop-out counts when it happened, also where it was found on candles later, and only where the position as a whole
realised a loss. Days that nobody wrote down are absent: they cannot be the highest. Read under the traders' locks.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from risk.values import Protections
from trading.day_openings import AccountKey
from trading.evaluation import STOPPED_OUT
from trading.models import DayOpening, Position

BEGINNING = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)  # nothing was lost before


@dataclass(frozen=True, slots=True)
class StopOut:
    """A position that its stop or liquidation ended with a loss."""

    market_id: int
    at_ms: int
    position_id: int


@dataclass(frozen=True, slots=True)
class RecentLosses:
    """Of one account: its stop-outs, oldest first, and its openings before today's that are written down."""

    stop_outs: tuple[StopOut, ...] = ()
    openings: tuple[DayOpening, ...] = ()


NOTHING = RecentLosses()


def recent_losses(protections: Mapping[int, Protections], now: dt.datetime) -> dict[AccountKey, RecentLosses]:
    """Of every account of these traders that lost anything; a statement for each kind of row that somebody needs."""
    spans = {pk: span for pk, each in protections.items() if (span := _stop_out_span(each))}
    days = {pk: count for pk, each in protections.items() if (count := _days(each)) > 1}
    return _together(_stop_outs(spans, now), _openings(days, now, until=now.date()))


def losses_since(protections: Mapping[int, Protections], since: dt.datetime) -> dict[AccountKey, RecentLosses]:
    """All that any moment from `since` on looks back at, days that are written down to this day's."""
    spans = {pk: span for pk, each in protections.items() if (span := _stop_out_span(each))}
    days = {pk: count for pk, each in protections.items() if (count := _days(each))}
    return _together(_stop_outs(spans, since), _openings(days, since, until=dt.date.max))


def _together(
    stop_outs: Mapping[AccountKey, Iterable[StopOut]], openings: Mapping[AccountKey, Iterable[DayOpening]]
) -> dict[AccountKey, RecentLosses]:
    return {
        key: RecentLosses(tuple(stop_outs.get(key, ())), tuple(openings.get(key, ())))
        for key in stop_outs.keys() | openings.keys()
    }


def day_begin_ms(day: dt.date) -> int:
    """00:00 UTC of a day, in milliseconds since the epoch."""
    return _ms(dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC))


def _ms(at: dt.datetime) -> int:
    return round(at.timestamp() * 1000)


def _stop_out_span(protections: Protections) -> int:
    """How many minutes back a stop-out can matter; 0 where none does."""
    here_hours = protections.market_stops_hours if protections.market_stops is not None else None
    return max(protections.cooldown_minutes or 0, 60 * (here_hours or 0))


def _days(protections: Protections) -> int:
    """How many openings matter, today's included; 0 where none does."""
    return protections.drawdown_days or 0 if protections.drawdown_pct is not None else 0


def _stop_outs(spans: Mapping[int, int], now: dt.datetime) -> Mapping[AccountKey, Iterable[StopOut]]:
    found: dict[AccountKey, list[StopOut]] = defaultdict(list)
    if not spans:
        return found
    back = dt.timedelta(minutes=min(max(spans.values()), (now - BEGINNING) // dt.timedelta(minutes=1)))
    rows = (
        Position.objects.filter(
            trader__in=spans,
            ended_by__in=STOPPED_OUT,
            realised_pnl_usd__lt=0,
            closed_at__gte=now - back,
        )
        .order_by("closed_at")
        .values_list("trader_id", "mode", "market_id", "closed_at", "pk")
    )
    for trader_id, mode, market_id, closed_at, number in rows:
        if closed_at is not None:
            found[trader_id, mode].append(StopOut(market_id, _ms(closed_at), number))
    return found


def _openings(
    days: Mapping[int, int], now: dt.datetime, *, until: dt.date
) -> Mapping[AccountKey, Iterable[DayOpening]]:
    found: dict[AccountKey, list[DayOpening]] = defaultdict(list)
    if not days:
        return found
    back = dt.timedelta(days=min(max(days.values()), (now - BEGINNING).days))
    rows = DayOpening.objects.filter(trader__in=days, day__gt=now.date() - back, day__lt=until)
    for opening in rows.defer("prices").order_by("day"):
        found[opening.trader_id, opening.mode].append(opening)
    return found
