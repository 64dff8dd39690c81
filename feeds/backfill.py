"""Completing the candles from the venue's own, where Vanta was not running or had no price.

A market's coverage says up to when its candles are complete. A pass looks at what has been missed since, asks the venue
for that stretch, and moves the coverage on: a market closed over a weekend is asked about once.
PostgreSQL or the venue down: nothing moves, the next pass tries again.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import structlog
from django.db import connection, transaction

from feeds.candle_store import MAX_GAP_S, Piece, merge_pieces, roll_up
from feeds.models import CandleCoverage, Market, Resolution
from feeds.sources import candle_source
from feeds.sources.base import SourceError
from feeds.sources.http import read_integer, read_price
from vanta import clock

log = structlog.get_logger(__name__)
# How far back a market's history is asked for when it has none.
HISTORY = {
    Resolution.MINUTE: dt.timedelta(days=1),
    Resolution.FIVE_MINUTES: dt.timedelta(days=2),
    Resolution.HOUR: dt.timedelta(days=30),
    Resolution.DAY: dt.timedelta(days=365),
}
ASKED_AT_ONCE = 1500  # candles in one call
TURN_S = 4  # a pass ends after this long: it shares its worker with the polls
SETTLED = dt.timedelta(seconds=30)  # after its end a candle of the venue's is final
FAILURES_A_PASS = 3
_IS_WHOLE = """
    SELECT count(*) = %(expected)s FROM feeds_candle
    WHERE price_symbol = %(symbol)s AND resolution_s = %(resolution)s AND start_at >= %(begin)s AND start_at < %(end)s
      AND (resolution_s > 60 OR (gap_s <= %(gap)s AND first_at <= start_at + make_interval(secs => %(gap)s)
                                 AND last_at >= start_at + make_interval(secs => 60 - %(gap)s)))
"""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Candles of one market to look at: those that begin in [begin, end). `venue_name` is the feed's symbol."""

    price_symbol: str
    venue_name: str
    resolution: Resolution
    begin: dt.datetime
    end: dt.datetime


def backfill_candles() -> int:
    """Look at every open market's candles since its coverage, for TURN_S at most; how many were asked for and came.

    A market whose answer is of no use is left for the next pass and holds up no other; where several fail in a row it
    is the venue, and the pass ends.
    """
    turn_ends, count, failed = clock.monotonic() + TURN_S, 0, list[str]()
    for stretch in _stretches(clock.now()):
        if clock.monotonic() > turn_ends or len(failed) >= FAILURES_A_PASS:
            break
        if stretch.price_symbol in failed:
            continue
        try:
            count += _complete(stretch)
        except SourceError as error:
            failed.append(stretch.price_symbol)
            log.warning("backfill_failed", error=str(error), market=stretch.price_symbol)
            if error.retry_after_s:
                break
    return count


def _stretches(now: dt.datetime) -> list[Stretch]:
    """What is not known to be complete, the longest waiting first."""
    known = {
        (symbol, resolution): until
        for symbol, resolution, until in CandleCoverage.objects.values_list(
            "price_symbol", "resolution_s", "complete_until"
        )
    }
    stretches = []
    for symbol, venue_name in _feed_names(now).items():
        for resolution in Resolution:
            end = resolution.start_of(now - SETTLED)
            begin = known.get((symbol, resolution.value)) or resolution.start_of(now - HISTORY[resolution])
            if begin < end:
                stretches.append(Stretch(symbol, venue_name, resolution, begin, end))
    return sorted(stretches, key=lambda stretch: (stretch.resolution, stretch.begin))


def _feed_names(now: dt.datetime) -> dict[str, str]:
    """The venue's name of each open price symbol's feed, as its catalogue writes it."""
    names: dict[str, str] = {}
    for market in Market.objects.filter(is_listed=True).order_by("is_upside", "pair_index"):
        pairs = market.venue_params.get("pairInfos", {})
        name = pairs.get(str(market.pair_index), {}).get("feed", {}).get("attributes", {}).get("symbol")
        if market.price_symbol not in names and isinstance(name, str) and name and market.is_open_at(now):
            names[market.price_symbol] = name
    return names


def _complete(stretch: Stretch) -> int:
    """Ask for the stretch where something of it is missing; what came is merged, and the coverage moved on."""
    pieces: list[Piece] = []
    end = min(stretch.end, stretch.begin + stretch.resolution.span * ASKED_AT_ONCE)
    if not _is_whole(stretch, end):
        last_start = end - stretch.resolution.span
        answer = candle_source().fetch_candles(
            stretch.venue_name,
            stretch.resolution.value,
            int(stretch.begin.timestamp()),
            int(last_start.timestamp()),
        )
        pieces = [piece for piece in read_candles(answer, stretch) if stretch.begin <= piece.start_at < end]
    with transaction.atomic():
        merge_pieces(pieces)
        if pieces and stretch.resolution is Resolution.MINUTE:
            roll_up(stretch.begin, [stretch.price_symbol])
        CandleCoverage.objects.update_or_create(
            price_symbol=stretch.price_symbol,
            resolution_s=stretch.resolution.value,
            defaults={"complete_until": end},
        )
    return len(pieces)


def _is_whole(stretch: Stretch, end: dt.datetime) -> bool:
    terms: dict[str, Any] = {
        "symbol": stretch.price_symbol,
        "resolution": stretch.resolution.value,
        "begin": stretch.begin,
        "end": end,
        "expected": (end - stretch.begin) // stretch.resolution.span,
        "gap": MAX_GAP_S,
    }
    with connection.cursor() as cursor:
        cursor.execute(_IS_WHOLE, terms)
        return bool(cursor.fetchone()[0])


def read_candles(answer: Any, stretch: Stretch) -> list[Piece]:
    """The usable candles of a history answer; none where it holds none. Raises SourceError where it is no such answer.

    A candle that contradicts itself, or does not begin where one of its resolution does, is left out.
    """
    status = answer.get("s") if isinstance(answer, dict) else None
    if status == "no_data":
        return []
    columns = [answer.get(name) for name in "tohlc"] if status == "ok" else []
    if not columns or not all(isinstance(column, list) for column in columns):
        raise SourceError("no candles in the answer", market=stretch.price_symbol)
    rows: Sequence[tuple[Any, ...]] = list(zip(*columns, strict=False))
    pieces = [piece for row in rows if (piece := _piece(row, stretch))]
    return list({piece.start_at: piece for piece in pieces}.values())  # the last of several with one beginning


def _piece(row: tuple[Any, ...], stretch: Stretch) -> Piece | None:
    start_s, prices = read_integer(row[0]), [read_price(value) for value in row[1:]]
    is_within = start_s is not None and start_s <= stretch.end.timestamp()
    if start_s is None or not is_within or None in prices or start_s % stretch.resolution.value:
        return None
    opened, high, low, closed = (price or Decimal(0) for price in prices)
    if not low <= min(opened, closed) <= max(opened, closed) <= high:
        return None
    begin = clock.from_ms(start_s * 1000)
    end = begin + stretch.resolution.span
    return Piece(stretch.price_symbol, stretch.resolution, begin, opened, high, low, closed, begin, end)
