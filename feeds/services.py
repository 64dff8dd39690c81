"""Writing markets and prices: refresh the catalogue, poll a source.

Redis down: a poll has nowhere to write, it is logged and given up; the next tick tries again.
PostgreSQL down: which markets are open is unknown, the task fails, and the next tick tries again.
"""

import contextlib
from collections.abc import Iterator, Sequence

import structlog
from django.db import transaction
from redis.exceptions import LockNotOwnedError

from feeds.candles import measured_volatilities
from feeds.catalogue import GROUP_SIGMA_PER_SQRT_S, parse_catalogue
from feeds.consensus import DEFAULT_SIGMA_PER_SQRT_S, Quote
from feeds.models import Market
from feeds.price_terms import forget_price_terms
from feeds.quote_store import MAX_FUTURE_MS, quote_times_ms, write_quotes
from feeds.selectors import open_markets
from feeds.source_status import CIRCUIT_OPENS_AFTER, forgive, read_status, record_failure, record_success
from feeds.sources import catalogue_source, price_source
from feeds.sources.base import MarketRef, PriceSource, SourceError
from vanta import clock, metrics, redis

log = structlog.get_logger(__name__)
LOG_EVERY_FAILURES = 60
LOCK_MARGIN_S = 1  # a killed holder must not cost the seconds that a price stays fresh
MS_PER_S = 1000
VOLATILITY_BOUND = 4
MARKET_KEY = "pair_index"
MARKET_COLUMNS = [field.name for field in Market._meta.concrete_fields if field.name not in {"id", MARKET_KEY}]
KEPT_COLUMNS = {"min_upstreams", "volatility_per_sqrt_s"}  # ours, not the venue's


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


def refresh_volatilities() -> int:
    """Set each market's σ to what its last day of candles measures; returns how many markets have such a one.

    Within a factor of VOLATILITY_BOUND of the group's documented default, so that neither a quiet night nor a bad
    candle makes the consensus' bands meaningless. A market with too few candles keeps what it has.
    """
    count = 0
    for symbol, sigma in measured_volatilities().items():
        markets = Market.objects.filter(price_symbol=symbol)
        group = markets.values_list("group_index", flat=True).first()
        default = GROUP_SIGMA_PER_SQRT_S.get(group or 0, DEFAULT_SIGMA_PER_SQRT_S)
        bounded = min(max(sigma, default / VOLATILITY_BOUND), default * VOLATILITY_BOUND)
        count += markets.update(volatility_per_sqrt_s=bounded)
    forget_price_terms()
    return count


def poll_source(name: str) -> int:
    """Ask a source for every open market's price and store the quotes; returns how many came.

    One poll of a source at a time, whoever calls; a source that asked for a pause is left alone until it is over, one
    that keeps failing is only probed (`feeds.source_status`).
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


def _poll(source: PriceSource) -> int:
    markets = _due(source, open_markets())
    if not markets:
        forgive(source.name)  # its stream brings everything
        return 0
    started = clock.monotonic()
    try:
        quotes = source.fetch(markets)
    except SourceError as error:
        _note_failure(source, error, _since_ms(started))
        return 0
    except Exception as error:
        # A defect in one source: it is on record like any failure, and opens the circuit like one.
        log.exception("source_broken", source=source.name)
        _note_failure(source, SourceError(f"broken ({type(error).__name__})"), _since_ms(started))
        return 0
    if not quotes:
        return 0  # no open market that this source serves
    write_quotes(quotes)
    _note_success(source.name, quotes, asked=len(markets), latency_ms=_since_ms(started))
    return len(quotes)


def _due(source: PriceSource, markets: Sequence[MarketRef]) -> Sequence[MarketRef]:
    """Those that nothing else keeps fresh: while the stream runs, the poll of the same source has little to ask."""
    if not source.spared_ms:
        return markets
    times, now_ms = quote_times_ms(source.name, [market.symbol for market in markets]), clock.now_ms()
    spared = range(now_ms - source.spared_ms, now_ms + MAX_FUTURE_MS)
    return [market for market in markets if times.get(market.symbol, 0) not in spared]


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
    metrics.feed_latency_seconds.labels(name).observe(latency_ms / MS_PER_S)
    failures = record_success(name, latency_ms=latency_ms, quotes=quotes, asked=asked)
    if failures:
        event = "circuit_closed" if failures >= CIRCUIT_OPENS_AFTER else "source_recovered"
        log.info(event, source=name, failures=failures)


def _note_failure(source: PriceSource, error: SourceError, latency_ms: int) -> None:
    metrics.feed_latency_seconds.labels(source.name).observe(latency_ms / MS_PER_S)
    metrics.feed_errors.labels(source.name, error.kind).inc()
    failures = record_failure(source.name, error=error, latency_ms=latency_ms, longest_pause_s=source.longest_pause_s)
    if failures == CIRCUIT_OPENS_AFTER:
        log.error("circuit_opened", source=source.name, error=str(error), failures=failures)
    elif failures % LOG_EVERY_FAILURES == 1:  # the first of a row, then some: a dead source must not fill the log
        log.warning("source_failed", source=source.name, error=str(error), failures=failures)


def _since_ms(started_s: float) -> int:
    return round((clock.monotonic() - started_s) * 1000)


def _free_reused_names(markets: Sequence[Market]) -> None:
    """Rename stored pairs whose name the venue has given to another index; names are unique, indices are for ever."""
    owners = {market.symbol: market.pair_index for market in markets}
    for stored in Market.objects.filter(symbol__in=owners).only("symbol", "pair_index"):
        if owners[stored.symbol] != stored.pair_index:
            renamed = f"{stored.symbol}#{stored.pair_index}"
            Market.objects.filter(pk=stored.pk).update(symbol=renamed, is_listed=False)
