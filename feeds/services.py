"""Writing markets and prices: refresh the catalogue, poll a source, mirror the marks.

Redis down: a poll has nowhere to write, it is logged and given up; the next tick tries again.
PostgreSQL down: which markets are open is unknown, the task fails, and the next tick tries again.
"""

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import structlog
from django.db import transaction
from redis.exceptions import LockNotOwnedError

from feeds.catalogue import parse_catalogue
from feeds.consensus import MarkPrice, NoConsensus, Quote
from feeds.models import LastMark, Market
from feeds.price_terms import forget_price_terms
from feeds.quote_store import write_quotes
from feeds.selectors import mark_prices, open_markets
from feeds.source_status import read_status, record_failure, record_success
from feeds.sources import catalogue_source, price_source
from feeds.sources.base import PriceSource, SourceError
from vanta import clock, metrics, redis

log = structlog.get_logger(__name__)
MIRROR_EVERY_MS = 900  # a little less than beat's second, so that jitter skips no tick
LOG_EVERY_FAILURES = 60
LOCK_MARGIN_S = 1  # a killed holder must not cost the seconds that a price stays fresh
MS_PER_S = 1000
MARKET_KEY = "pair_index"
MARKET_COLUMNS = [field.name for field in Market._meta.concrete_fields if field.name not in {"id", MARKET_KEY}]
KEPT_COLUMNS = {"min_upstreams", "volatility_per_sqrt_s"}  # ours, not the venue's
MARK_COLUMNS = ["price", "uncertainty", "as_of", "sources", "updated_at"]


def refresh_markets() -> int:
    """Store the venue's catalogue as it is now; returns how many markets it has. Idempotent.

    A pair that is gone from it stays, delisted: positions may still refer to it.
    Raises SourceError or MalformedCatalogue, and nothing is changed.
    """
    catalogue = parse_catalogue(catalogue_source().fetch_snapshot(), refreshed_at=clock.now())
    if catalogue.unreadable:
        log.warning("pairs_unreadable", pairs=catalogue.unreadable)
    with transaction.atomic():
        _free_reused_names(catalogue.markets)
        Market.objects.bulk_create(
            catalogue.markets,
            update_conflicts=True,
            unique_fields=[MARKET_KEY],
            update_fields=[name for name in MARKET_COLUMNS if name not in KEPT_COLUMNS],
        )
        indices = [market.pair_index for market in catalogue.markets]
        Market.objects.exclude(pair_index__in=indices).update(is_listed=False)
    forget_price_terms()
    return len(catalogue.markets)


def poll_source(name: str) -> int:
    """Ask a source for every open market's price and store the quotes; returns how many came.

    One poll of a source at a time, whoever calls; a source that asked for a pause is left alone until it is over.
    Raises UnknownSource.
    """
    source = price_source(name)
    try:
        with _only_poll(source) as is_mine:
            if not is_mine or read_status(name).paused_until_ms > clock.now_ms():
                return 0
            return _poll(source)
    except redis.RedisDown as error:
        log.warning("poll_without_redis", source=name, error=type(error).__name__)
        return 0


def mirror_marks(price_symbols: Sequence[str]) -> int:
    """Copy the present mark prices to PostgreSQL in one statement; returns how many there are."""
    marks = mark_prices(sorted(price_symbols))
    _count_exclusions(marks.values())
    now = clock.now()
    rows = [
        LastMark(
            price_symbol=symbol,
            price=mark.price,
            uncertainty=mark.uncertainty,
            as_of=clock.from_ms(mark.as_of_ms),
            sources=list(mark.sources),
            updated_at=now,
        )
        for symbol, mark in marks.items()
        if isinstance(mark, MarkPrice)
    ]
    LastMark.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["price_symbol"], update_fields=MARK_COLUMNS
    )
    return len(rows)


def _poll(source: PriceSource) -> int:
    markets = open_markets()
    started = clock.monotonic()
    try:
        quotes = source.fetch(markets)
    except SourceError as error:
        _note_failure(source.name, error, _since_ms(started))
        return 0
    if not quotes:
        return 0  # no open market that this source serves
    write_quotes(quotes)
    _note_success(source.name, quotes, asked=len(markets), latency_ms=_since_ms(started))
    if redis.client().set("feeds:mirror", "1", nx=True, px=MIRROR_EVERY_MS):
        mirror_marks([market.symbol for market in markets])
    return len(quotes)


@contextlib.contextmanager
def _only_poll(source: PriceSource) -> Iterator[bool]:
    """Whether this is the only poll of the source; the lock ends by itself if its holder is killed."""
    lock = redis.client().lock(f"feeds:poll:{source.name}", timeout=source.timeout_s + LOCK_MARGIN_S, blocking=False)
    is_mine = bool(lock.acquire())
    try:
        yield is_mine
    finally:
        if is_mine:
            with contextlib.suppress(LockNotOwnedError):  # it ran out: another poll may have begun, and that is all
                lock.release()


def _note_success(name: str, quotes: Sequence[Quote], *, asked: int, latency_ms: int) -> None:
    freshest_ms = max(quote.timestamp_ms for quote in quotes)
    metrics.feed_latency_seconds.labels(name).observe(latency_ms / MS_PER_S)
    metrics.feed_age_seconds.labels(name).set((clock.now_ms() - freshest_ms) / MS_PER_S)
    failures = record_success(name, latency_ms=latency_ms, quotes=len(quotes), asked=asked)
    if failures:
        log.info("source_recovered", source=name, failures=failures)


def _note_failure(name: str, error: SourceError, latency_ms: int) -> None:
    metrics.feed_latency_seconds.labels(name).observe(latency_ms / MS_PER_S)
    metrics.feed_errors.labels(name, error.code).inc()
    failures = record_failure(name, error=str(error), latency_ms=latency_ms, pause_s=error.retry_after_s)
    if failures % LOG_EVERY_FAILURES == 1:  # the first of a row, then one a minute: a dead source must not fill the log
        log.warning("source_failed", source=name, error=str(error), failures=failures, pause_s=error.retry_after_s)


def _count_exclusions(marks: Iterable[MarkPrice | NoConsensus]) -> None:
    counts = Counter((exclusion.source, exclusion.reason) for mark in marks for exclusion in mark.excluded)
    for (source, reason), count in counts.items():
        metrics.feed_exclusions.labels(source, reason).inc(count)
    if counts:
        log.debug("quotes_excluded", counts={f"{source}:{reason}": count for (source, reason), count in counts.items()})


def _since_ms(started_s: float) -> int:
    return round((clock.monotonic() - started_s) * 1000)


def _free_reused_names(markets: Sequence[Market]) -> None:
    """Rename stored pairs whose name the venue has given to another index; names are unique, indices are for ever."""
    owners = {market.symbol: market.pair_index for market in markets}
    for stored in Market.objects.filter(symbol__in=owners).only("symbol", "pair_index"):
        if owners[stored.symbol] != stored.pair_index:
            renamed = f"{stored.symbol}#{stored.pair_index}"
            Market.objects.filter(pk=stored.pk).update(symbol=renamed, is_listed=False)
