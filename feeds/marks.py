"""Keeping the marks: mirrored to PostgreSQL each second, gathered into candles, their absence written down.

The streamer does it, and beat asks for it as well: whoever comes first in a second. It needs Redis for the quotes and
PostgreSQL for all else; where one of them is down the next second tries again.
"""

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import structlog
from django.db import connection, transaction
from django.db.models import Q, Value
from django.db.models.functions import Greatest

from feeds.candle_store import merge_pieces, piece_of
from feeds.consensus import MarkPrice, NoConsensus
from feeds.models import ConsensusLoss
from feeds.selectors import mark_prices
from vanta import clock, metrics, redis

log = structlog.get_logger(__name__)
MIRROR_KEY = "feeds:mirror"
MIRROR_EVERY_MS = 900  # a little less than a second, so that jitter skips no tick
_KEEP_NEWEST = """
    INSERT INTO feeds_lastmark AS mark (price_symbol, price, uncertainty, as_of, sources, updated_at)
    SELECT symbol, price, uncertainty, as_of, sources::jsonb, %s
    FROM unnest(%s::text[], %s::numeric[], %s::numeric[], %s::timestamptz[], %s::text[])
         AS new (symbol, price, uncertainty, as_of, sources)
    ON CONFLICT (price_symbol) DO UPDATE
        SET (price, uncertainty, as_of, sources, updated_at)
            = (excluded.price, excluded.uncertainty, excluded.as_of, excluded.sources, excluded.updated_at)
        WHERE excluded.as_of >= mark.as_of
"""
LASTING = dt.timedelta(seconds=10)  # shorter losses heal by themselves and are forgotten
Marks = Mapping[str, MarkPrice | NoConsensus]


def mirror_if_due(price_symbols: Sequence[str]) -> int:
    """`mirror_marks`, unless somebody did it within the last second. Raises RedisDown."""
    if not redis.client().set(MIRROR_KEY, "1", nx=True, px=MIRROR_EVERY_MS):
        return 0
    return mirror_marks(price_symbols)


def mirror_marks(price_symbols: Sequence[str]) -> int:
    """Copy the present marks of the open markets to PostgreSQL; returns how many there are."""
    marks = mark_prices(sorted(price_symbols))
    _count_exclusions(marks.values())
    priced = [mark for mark in marks.values() if isinstance(mark, MarkPrice)]
    with transaction.atomic():
        _store(priced)
        merge_pieces([piece_of(mark) for mark in priced])
        _note_losses(marks)
    return len(priced)


def _store(marks: Sequence[MarkPrice]) -> None:
    """The newer mark stays: a process that was paused must not put an old one over it."""
    if not marks:
        return
    columns: list[Any] = [
        clock.now(),
        [mark.market for mark in marks],
        [mark.price for mark in marks],
        [mark.uncertainty for mark in marks],
        [clock.from_ms(mark.as_of_ms) for mark in marks],
        [json.dumps(mark.sources) for mark in marks],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_KEEP_NEWEST, columns)


def _note_losses(marks: Marks) -> None:
    """Begin a loss for each open market that has no mark now, and end the other losses."""
    now = clock.now()
    missing = {symbol: mark for symbol, mark in marks.items() if isinstance(mark, NoConsensus)}
    lost = set(ConsensusLoss.objects.filter(ended_at=None).values_list("price_symbol", flat=True))
    if ended := lost - missing.keys():
        rows = ConsensusLoss.objects.filter(ended_at=None, price_symbol__in=ended)
        # What people were told of has an end that they will be told of, were the teller's clock ahead of ours.
        kept = rows.filter(Q(began_at__lte=now - LASTING) | Q(told_loss_at__isnull=False))
        lasted = kept.update(ended_at=Greatest("began_at", Value(now)))
        rows.filter(told_loss_at=None).delete()
        if lasted:
            log.info("consensus_regained", markets=sorted(ended))
    begun = [_loss(symbol, mark, now) for symbol, mark in missing.items() if symbol not in lost]
    if begun:
        # Somebody else may mirror at the same time: the constraint lets one of the two rows in.
        ConsensusLoss.objects.bulk_create(begun, ignore_conflicts=True)
        reasons = Counter(loss.reason for loss in begun)
        log.warning("consensus_lost", markets=sorted(loss.price_symbol for loss in begun), reasons=dict(reasons))


def _loss(symbol: str, mark: NoConsensus, now: dt.datetime) -> ConsensusLoss:
    excluded = [{"source": exclusion.source, "reason": exclusion.reason} for exclusion in mark.excluded]
    return ConsensusLoss(price_symbol=symbol, reason=mark.reason, excluded=excluded, began_at=now)


def _count_exclusions(marks: Iterable[MarkPrice | NoConsensus]) -> None:
    counts = Counter((exclusion.source, exclusion.reason) for mark in marks for exclusion in mark.excluded)
    for (source, reason), count in counts.items():
        metrics.feed_exclusions.labels(source, reason).inc(count)
    if counts:
        log.debug("quotes_excluded", counts={f"{source}:{reason}": count for (source, reason), count in counts.items()})
