"""Reading markets and prices. Importing this costs no price source's client library.

Mark prices are computed at the moment of reading, from the quotes in Redis. Redis down: no consensus, so nothing opens;
`last_mark` still answers from PostgreSQL, so that closing goes on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from feeds.consensus import MarkPrice, NoConsensus, Quote, consensus
from feeds.market_names import likely_symbols, match_symbol, similar_symbols
from feeds.models import LastMark, Market
from feeds.price_terms import PriceTerms, price_terms
from feeds.quote_store import read_quotes
from feeds.source_status import SourceStatus, read_status
from feeds.sources import SOURCES
from feeds.sources.base import MarketRef
from feeds.stream_status import StreamStatus, describe, read_stream
from vanta import clock
from vanta.errors import VantaError
from vanta.redis import RedisDown

VENUE_SOURCE = "avantis"  # the venue whose fills paper imitates
FAILING_AFTER = 3  # polls in a row
SHOWN_UNPRICED = 5


class UnknownMarket(VantaError):
    """The text names no market; `suggestions` are symbols that look like it."""

    code = "unknown_market"

    def __init__(self, text: str, suggestions: tuple[str, ...] = ()) -> None:
        super().__init__(market=text[:40])
        self.suggestions = suggestions


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """`failed`: no market has a price, nothing opens. `degraded`: a source, the stream or a price is missing."""

    state: Literal["ok", "degraded", "failed"]
    detail: str
    is_readable: bool  # whether Redis answered; where it did not, no source and no stream is known
    sources: tuple[SourceStatus, ...]
    stream: StreamStatus | None
    open_markets: int  # distinct price symbols
    priced_markets: int
    without_price: tuple[NoConsensus, ...]
    oldest_mark_age_ms: int | None

    @property
    def unpriced(self) -> tuple[str, ...]:
        return tuple(none.market for none in self.without_price)


@dataclass(frozen=True, slots=True)
class ClosingPrice:
    """A price that may close, never open, and what it rests on."""

    price: Decimal
    basis: Literal["consensus", "venue", "last_mark"]
    as_of_ms: int


def mark_price(symbol: str, *, now_ms: int | None = None) -> MarkPrice:
    """The mark price of a market now. Raises NoConsensus, also where Redis is down or the market is unknown."""
    mark = mark_prices([symbol], now_ms=now_ms)[symbol]
    if isinstance(mark, NoConsensus):
        raise mark
    return mark


def mark_prices(symbols: Sequence[str], *, now_ms: int | None = None) -> dict[str, MarkPrice | NoConsensus]:
    """The mark price of each market, or why it has none; one round trip to Redis for all."""
    terms = price_terms(symbols)
    price_symbols = sorted({term.price_symbol for term in terms.values()})
    try:
        quotes = dict(zip(price_symbols, read_quotes(price_symbols), strict=True)) if price_symbols else {}
    except RedisDown:
        quotes = {}  # fail closed: without quotes there is no consensus
    at_ms = clock.now_ms() if now_ms is None else now_ms
    return {symbol: _mark(symbol, terms.get(symbol), quotes, at_ms) for symbol in symbols}


def last_mark(symbol: str) -> MarkPrice | None:
    """The last mark price that was mirrored to PostgreSQL, however old; it may close, never open."""
    return last_marks([symbol]).get(symbol)


def last_marks(symbols: Sequence[str]) -> dict[str, MarkPrice]:
    """The last mark price of each market that ever had one; one query for all."""
    terms = price_terms(symbols)
    rows = LastMark.objects.in_bulk({term.price_symbol for term in terms.values()})
    return {
        symbol: _remembered(symbol, rows[term.price_symbol])
        for symbol, term in terms.items()
        if term.price_symbol in rows
    }


def _remembered(symbol: str, row: LastMark) -> MarkPrice:
    as_of_ms = round(row.as_of.timestamp() * 1000)
    return MarkPrice(symbol, row.price, row.uncertainty, as_of_ms, tuple(row.sources), ())


def closing_price(symbol: str, mark: MarkPrice | NoConsensus) -> ClosingPrice | None:
    """What a closing on paper is filled at: the mark, else the venue's own fresh price, else the last mark.

    A consensus can be missing because a slower source has not followed a move yet. The real venue would fill at its own
    price then, and so does paper: nobody escapes a move to an older price. None where there is no price at all.
    """
    if isinstance(mark, MarkPrice):
        return ClosingPrice(mark.price, "consensus", mark.as_of_ms)
    terms = price_terms([symbol]).get(symbol)
    try:
        quotes = read_quotes([terms.price_symbol])[0] if terms else []
    except RedisDown:
        quotes = []
    own = _mark(symbol, terms, {terms.price_symbol: _of_the_venue(quotes)} if terms else {}, clock.now_ms())
    if isinstance(own, MarkPrice):
        return ClosingPrice(own.price, "venue", own.as_of_ms)
    last = last_mark(symbol)
    return ClosingPrice(last.price, "last_mark", last.as_of_ms) if last else None


def _of_the_venue(quotes: Sequence[Quote]) -> list[Quote]:
    return [quote for quote in quotes if quote.source == VENUE_SOURCE]


def find_market(text: str) -> Market:
    """The market that a person means by `text`, in any case and spelling. Raises UnknownMarket with suggestions."""
    likely = likely_symbols(text)
    found = {market.symbol: market for market in Market.objects.filter(symbol__in=likely, is_listed=True)}
    for symbol in likely:
        if symbol in found:
            return found[symbol]
    symbols = list(Market.objects.order_by("-is_listed", "pair_index").values_list("symbol", flat=True))
    match = match_symbol(text, symbols)
    if match is None:
        raise UnknownMarket(text, similar_symbols(text, symbols))
    return Market.objects.get(symbol=match)


def open_markets() -> list[MarketRef]:
    """The distinct price symbols of the listed markets that are open now; a base market speaks for its Upside one."""
    now = clock.now()
    refs: dict[str, MarketRef] = {}
    for market in Market.objects.filter(is_listed=True).defer("venue_params").order_by("is_upside", "pair_index"):
        if market.price_symbol not in refs and market.is_open_at(now):
            refs[market.price_symbol] = MarketRef(
                market.price_symbol, market.pair_index, market.coingecko_id or None, market.lazer_feed_id
            )
    return list(refs.values())


def feed_status() -> FeedStatus:
    """How the feeds are now, for health checks and people; never raises for a Redis outage."""
    symbols = [market.symbol for market in open_markets()]
    now_ms = clock.now_ms()
    marks = mark_prices(symbols, now_ms=now_ms)
    priced = [mark for mark in marks.values() if isinstance(mark, MarkPrice)]
    try:
        sources, stream, is_readable = tuple(read_status(name) for name in SOURCES), read_stream(), True
    except RedisDown:
        sources, stream, is_readable = (), None, False  # unknown; that no market has a price already says it
    without_price = tuple(mark for mark in marks.values() if isinstance(mark, NoConsensus))
    ailing = [*[f"{source.name} fails: {_error_of(source)}" for source in sources if _fails(source)], describe(stream)]
    details = [
        f"{len(priced)} of {len(symbols)} open markets have a price",
        *filter(None, ailing),
        *([f"without a price: {_some_of([none.market for none in without_price])}"] if without_price else []),
    ]
    return FeedStatus(
        state="failed" if not priced else "degraded" if without_price or any(ailing) else "ok",
        detail="; ".join(details),
        is_readable=is_readable,
        sources=sources,
        stream=stream,
        open_markets=len(symbols),
        priced_markets=len(priced),
        without_price=without_price,
        oldest_mark_age_ms=max((now_ms - mark.as_of_ms for mark in priced), default=None),
    )


def _fails(source: SourceStatus) -> bool:
    return source.last_ok_ms is None or source.failures >= FAILING_AFTER


def _error_of(source: SourceStatus) -> str:
    return source.last_error if source.failures else "never heard"


def _some_of(symbols: Sequence[str]) -> str:
    more = f" and {len(symbols) - SHOWN_UNPRICED} more" if len(symbols) > SHOWN_UNPRICED else ""
    return ", ".join(symbols[:SHOWN_UNPRICED]) + more


def _mark(
    symbol: str, terms: PriceTerms | None, quotes: dict[str, list[Quote]], now_ms: int
) -> MarkPrice | NoConsensus:
    if terms is None:
        return NoConsensus("no_quotes", market=symbol)
    try:
        mark = consensus(
            quotes.get(terms.price_symbol, []), market=terms.price_symbol, now_ms=now_ms, rules=terms.rules
        )
    except NoConsensus as none:
        return none if symbol == none.market else NoConsensus(none.reason, market=symbol, excluded=none.excluded)
    return mark if symbol == mark.market else replace(mark, market=symbol)
