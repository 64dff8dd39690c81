"""Writing candles: pieces are merged in any order and any number of times, with the same result.

The earliest piece gives the open, the latest the close, the extremes stay extremes. A piece as long as its candle (the
venue's own) leaves no gap in it.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection

from feeds.consensus import MarkPrice
from feeds.models import Resolution
from vanta import clock

# How long candles are kept; a coarser one is kept for longer.
KEPT = {
    Resolution.MINUTE: dt.timedelta(days=7),
    Resolution.FIVE_MINUTES: dt.timedelta(days=30),
    Resolution.HOUR: dt.timedelta(days=365),
    Resolution.DAY: dt.timedelta(days=3650),
}
FINER = {
    Resolution.FIVE_MINUTES: Resolution.MINUTE,
    Resolution.HOUR: Resolution.FIVE_MINUTES,
    Resolution.DAY: Resolution.HOUR,
}
PRUNED_AT_ONCE = 20_000
MAX_GAP_S = 5  # a minute with a longer pause between its prices is not whole: the venue's candle completes it
_COLUMNS = "price_symbol, resolution_s, start_at, open, high, low, close, first_at, last_at, gap_s"
_MERGE = """
    ON CONFLICT (price_symbol, resolution_s, start_at) DO UPDATE SET
        open = CASE WHEN excluded.first_at < candle.first_at THEN excluded.open ELSE candle.open END,
        close = CASE WHEN excluded.last_at >= candle.last_at THEN excluded.close ELSE candle.close END,
        high = GREATEST(candle.high, excluded.high),
        low = LEAST(candle.low, excluded.low),
        first_at = LEAST(candle.first_at, excluded.first_at),
        last_at = GREATEST(candle.last_at, excluded.last_at),
        gap_s = CASE WHEN excluded.last_at - excluded.first_at >= make_interval(secs => excluded.resolution_s) THEN 0
                     ELSE GREATEST(candle.gap_s, extract(epoch FROM excluded.first_at - candle.last_at)::int, 0) END
"""
_INSERT = f"""
    INSERT INTO feeds_candle AS candle ({_COLUMNS})
    SELECT piece.*, 0 FROM unnest(%s::text[], %s::int[], %s::timestamptz[], %s::numeric[], %s::numeric[], %s::numeric[],
                                  %s::numeric[], %s::timestamptz[], %s::timestamptz[]) AS piece
    {_MERGE}
"""  # noqa: S608  (constants of this module)
_ROLL_UP = f"""
    INSERT INTO feeds_candle AS candle ({_COLUMNS})
    SELECT price_symbol, %(to)s, bucket, (array_agg(open ORDER BY start_at))[1], max(high), min(low),
           (array_agg(close ORDER BY start_at DESC))[1], min(first_at), max(last_at), 0
    FROM (SELECT *, date_bin(make_interval(secs => %(to)s), start_at, timestamptz '2000-01-01 00:00+00') AS bucket
          FROM feeds_candle WHERE resolution_s = %(from)s AND start_at >= %(since)s
            AND (%(symbols)s::text[] IS NULL OR price_symbol = ANY(%(symbols)s))) AS finer
    GROUP BY price_symbol, bucket
    {_MERGE}
"""  # noqa: S608  (constants of this module)
_PRUNE = """
    DELETE FROM feeds_candle WHERE id IN
        (SELECT id FROM feeds_candle WHERE resolution_s = %s AND start_at < %s LIMIT %s)
"""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a candle, or all of it: prices in USD between two times within it."""

    price_symbol: str
    resolution: Resolution
    start_at: dt.datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    first_at: dt.datetime
    last_at: dt.datetime


def piece_of(mark: MarkPrice) -> Piece:
    """One mark as a piece of its minute, at the time of the quote behind it."""
    at = clock.from_ms(mark.as_of_ms)
    start, price = Resolution.MINUTE.start_of(at), mark.price
    return Piece(mark.market, Resolution.MINUTE, start, price, price, price, price, at, at)


def merge_pieces(pieces: Sequence[Piece]) -> None:
    """Merge pieces of different candles into what is stored, in one statement.

    Rows are locked in the order of their names, so that two writers wait for each other and never deadlock.
    """
    ordered = sorted(pieces, key=lambda piece: (piece.price_symbol, piece.resolution, piece.start_at))
    if not ordered:
        return
    columns: list[Any] = [
        [piece.price_symbol for piece in ordered],
        [piece.resolution.value for piece in ordered],
        [piece.start_at for piece in ordered],
        [piece.open for piece in ordered],
        [piece.high for piece in ordered],
        [piece.low for piece in ordered],
        [piece.close for piece in ordered],
        [piece.first_at for piece in ordered],
        [piece.last_at for piece in ordered],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, columns)


def roll_up(since: dt.datetime, price_symbols: Iterable[str] | None = None) -> None:
    """Make the coarser candles that finer ones since `since` belong to; all markets' where none is named."""
    symbols = None if price_symbols is None else sorted(price_symbols)
    with connection.cursor() as cursor:
        for coarse, fine in FINER.items():
            begin = coarse.start_of(since)
            terms: dict[str, Any] = {"to": coarse.value, "from": fine.value, "since": begin, "symbols": symbols}
            cursor.execute(_ROLL_UP, terms)


def prune_candles() -> int:
    """Delete candles past their time, at most PRUNED_AT_ONCE of each resolution; how many went."""
    deleted = 0
    with connection.cursor() as cursor:
        for resolution, kept in KEPT.items():
            cursor.execute(_PRUNE, [resolution.value, clock.now() - kept, PRUNED_AT_ONCE])
            deleted += cursor.rowcount
    return deleted
