"""Reading the price history: for charts, for volatility, and for what happened while nobody was looking."""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from feeds.candle_store import MAX_GAP_S
from feeds.models import Candle, CandleCoverage, Resolution
from feeds.price_terms import price_terms
from vanta import clock

VOLATILITY_WINDOW = dt.timedelta(hours=24)
ENOUGH_RETURNS = 120  # two hours of minutes: fewer say little about a day
# √60 s: a minute's standard deviation in units of one second's
_VOLATILITIES = """
    SELECT price_symbol, stddev_samp(change) / sqrt(60::numeric), count(*) FROM (
        SELECT price_symbol, close / lag(close) OVER minutes - 1 AS change,
               start_at - lag(start_at) OVER minutes AS step
        FROM feeds_candle WHERE resolution_s = %(minute)s AND start_at >= %(since)s
        WINDOW minutes AS (PARTITION BY price_symbol ORDER BY start_at)
    ) AS changes
    WHERE step = interval '1 minute' GROUP BY price_symbol HAVING count(*) >= %(enough)s
"""

_IS_COMPLETE = """
    SELECT count(*) = %(expected)s FROM feeds_candle
    WHERE price_symbol = %(symbol)s AND resolution_s = %(minute)s AND start_at >= %(begin)s AND start_at < %(until)s
      AND gap_s <= %(gap)s
      AND first_at <= greatest(start_at, %(since)s) + make_interval(secs => %(gap)s)
      AND last_at >= least(start_at + interval '1 minute', %(until)s) - make_interval(secs => %(gap)s)
"""


def recent_candles(symbol: str, resolution: Resolution, *, limit: int) -> list[Candle]:
    """The newest `limit` candles of a market, oldest first; an Upside market has its base market's."""
    newest = _candles_of(symbol, resolution).order_by("-start_at")[:limit]
    return list(reversed(newest))


def price_history(symbol: str, since: dt.datetime, until: dt.datetime) -> list[Candle]:
    """What the price did between two times, oldest first: minutes where they are still kept, else the next coarser.

    The first candle may begin before `since`: it is the one that `since` falls into.
    """
    for resolution in Resolution:
        begin = resolution.start_of(since)
        found = list(
            _candles_of(symbol, resolution).filter(start_at__gte=begin, start_at__lt=until).order_by("start_at")
        )
        if found and found[0].start_at <= begin + resolution.span:
            return found
    return []


def is_complete(symbol: str, since: dt.datetime, until: dt.datetime) -> bool:
    """Whether the minutes between two times hold all that the price did.

    The venue has completed them, or Vanta had a price every MAX_GAP_S seconds: also in a minute that is still going on.
    """
    price_symbol = _price_symbol(symbol)
    covered = CandleCoverage.objects.filter(price_symbol=price_symbol, resolution_s=Resolution.MINUTE).first()
    begin = Resolution.MINUTE.start_of(max(since, covered.complete_until) if covered else since)
    terms: dict[str, Any] = {
        "symbol": price_symbol,
        "minute": Resolution.MINUTE.value,
        "begin": begin,
        "since": since,
        "until": until,
        "gap": MAX_GAP_S,
        "expected": max(0, -((begin - until) // Resolution.MINUTE.span)),
    }
    with connection.cursor() as cursor:
        cursor.execute(_IS_COMPLETE, terms)
        return bool(cursor.fetchone()[0])


def measured_volatilities() -> dict[str, Decimal]:
    """σ of each price symbol per square root of a second, as a fraction, from the last day's minutes.

    The sample standard deviation of the relative changes between the closes of neighbouring minutes, over √60 s.
    Markets with fewer than ENOUGH_RETURNS changes are left out.
    """
    terms: dict[str, Any] = {
        "minute": Resolution.MINUTE.value,
        "since": clock.now() - VOLATILITY_WINDOW,
        "enough": ENOUGH_RETURNS,
    }
    with connection.cursor() as cursor:
        cursor.execute(_VOLATILITIES, terms)
        rows: Sequence[tuple[str, Decimal, int]] = cursor.fetchall()
    return {symbol: sigma for symbol, sigma, _ in rows}


def _candles_of(symbol: str, resolution: Resolution) -> QuerySet[Candle]:
    return Candle.objects.filter(price_symbol=_price_symbol(symbol), resolution_s=resolution)


def _price_symbol(symbol: str) -> str:
    terms = price_terms([symbol]).get(symbol)
    return terms.price_symbol if terms else symbol
