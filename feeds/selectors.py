"""Reading markets and prices. Importing this costs no price source's client library.

Mark prices are computed at the moment of reading, from the quotes in Redis. Redis down: no consensus, so nothing opens;
`last_mark` still answers from PostgreSQL, so that closing goes on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from django.conf import settings

from feeds.consensus import ConsensusRules, MarkPrice, NoConsensus, Quote, consensus
from feeds.market_names import likely_symbols, match_symbol, similar_symbols
from feeds.models import LastMark, Market
from feeds.quote_store import read_quotes
from vanta import clock
from vanta.errors import VantaError
from vanta.redis import RedisDown

TERMS_VALID_S = 30


class UnknownMarket(VantaError):
    """The text names no market; `suggestions` are symbols that look like it."""

    code = "unknown_market"

    def __init__(self, text: str, suggestions: tuple[str, ...] = ()) -> None:
        super().__init__(market=text[:40])
        self.suggestions = suggestions


@dataclass(frozen=True, slots=True)
class PriceTerms:
    """Whose price a market has, and the rules that its consensus follows."""

    price_symbol: str
    rules: ConsensusRules


_terms_cache: dict[str, tuple[float, PriceTerms]] = {}


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
    terms = price_terms([symbol]).get(symbol)
    row = LastMark.objects.filter(price_symbol=terms.price_symbol).first() if terms else None
    if row is None:
        return None
    as_of_ms = round(row.as_of.timestamp() * 1000)
    return MarkPrice(symbol, row.price, row.uncertainty, as_of_ms, tuple(row.sources), ())


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


def price_terms(symbols: Sequence[str]) -> dict[str, PriceTerms]:
    """The price terms of the known ones of `symbols`; each is kept for 30 s in the process."""
    now_s = clock.monotonic()
    fresh: dict[str, PriceTerms] = {}
    for symbol in symbols:
        kept = _terms_cache.get(symbol)
        if kept is not None and now_s - kept[0] < TERMS_VALID_S:
            fresh[symbol] = kept[1]
    missing = [symbol for symbol in symbols if symbol not in fresh]
    if missing:
        loaded = _load_terms(missing)
        _terms_cache.update({symbol: (now_s, terms) for symbol, terms in loaded.items()})
        fresh.update(loaded)
    return fresh


def forget_price_terms() -> None:
    """Drop what `price_terms` kept; for the end of a refresh and for tests."""
    _terms_cache.clear()


def _load_terms(symbols: Sequence[str]) -> dict[str, PriceTerms]:
    base = ConsensusRules(
        max_age_ms=int(settings.PRICE_MAX_AGE_S * 1000), max_deviation=settings.PRICE_MAX_DEVIATION_PCT
    )
    columns = ("symbol", "price_symbol", "volatility_per_sqrt_s", "min_upstreams")
    rows: list[tuple[str, str, Decimal, int]] = list(Market.objects.filter(symbol__in=symbols).values_list(*columns))
    return {
        symbol: PriceTerms(price_symbol, replace(base, sigma_per_sqrt_s=sigma.normalize(), min_upstreams=upstreams))
        for symbol, price_symbol, sigma, upstreams in rows
    }


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
