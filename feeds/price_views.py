"""A market's price and what every source says of it, for people: the mark or why there is none, and each quote's part.

Nothing is decided here: the consensus decides, and it is asked again to find out who vetoed. Redis down: a view without
quotes that says so.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal

from feeds.consensus import ConsensusRules, ExclusionReason, MarkPrice, NoConsensus, Quote, consensus
from feeds.price_terms import PriceTerms, price_terms
from feeds.quote_store import read_quotes
from feeds.selectors import last_marks
from feeds.sources import SOURCES
from feeds.stream_status import StreamStatus, read_stream
from vanta import clock
from vanta.money import ONE
from vanta.redis import RedisDown

Role = Literal["vouches", "may_veto", "vetoes", "left_out"]
LONGEST_AGE_MS = 10**15  # a stored time is any integer; nobody needs an age of more than 30 000 years


@dataclass(frozen=True, slots=True)
class SourceView:
    """What one source says of a market now.

    `price` is None where it is none. `age_ms` is below zero for a quote from the future. `distance` from the view's
    reference is a signed fraction. `reason` is set where the quote is left out.
    """

    source: str
    price: Decimal | None
    age_ms: int
    distance: Decimal | None
    role: Role
    reason: ExclusionReason | None


@dataclass(frozen=True, slots=True)
class PriceView:
    """A market at `at_ms`.

    `last` is the mark that PostgreSQL remembers. Distances are measured from `reference`: the mark; where there is
    none, what the fresh quotes alone would make; without those the last known price.
    `is_readable`: whether Redis answered. Where it did not, no quote and no stream is known.
    """

    symbol: str
    mark: MarkPrice | NoConsensus
    last: MarkPrice | None
    reference: Decimal | None
    sources: tuple[SourceView, ...]
    stream: StreamStatus | None
    is_readable: bool
    at_ms: int


def price_view(symbol: str) -> PriceView:
    """One market; without quotes where it is unknown."""
    return price_views([symbol])[0]


def price_views(symbols: Sequence[str]) -> list[PriceView]:
    """Each market, in the order asked for; one round trip to Redis for all quotes. Never raises for a Redis outage."""
    known, lasts = price_terms(symbols), last_marks(symbols)
    terms = [known.get(symbol) or PriceTerms(symbol, ConsensusRules()) for symbol in symbols]
    stream, is_readable = None, True
    try:
        quotes = read_quotes([each.price_symbol for each in terms]) if terms else []
        stream = read_stream()
    except RedisDown:
        quotes, is_readable = [[]] * len(terms), False
    at_ms = clock.now_ms()
    views = []
    for symbol, each, heard in zip(symbols, terms, quotes, strict=True):
        last = lasts.get(symbol)
        mark, reference, sources = _judge(heard, each, last, at_ms)
        views.append(PriceView(symbol, mark, last, reference, sources, stream, is_readable, at_ms))
    return views


def _judge(
    quotes: list[Quote], terms: PriceTerms, last: MarkPrice | None, at_ms: int
) -> tuple[MarkPrice | NoConsensus, Decimal | None, tuple[SourceView, ...]]:
    mark = _ask(quotes, terms, at_ms)
    reasons = {exclusion.source: exclusion.reason for exclusion in mark.excluded}
    heard = [quote for quote in quotes if reasons.get(quote.source) in (None, "outlier")]
    fresh = [quote for quote in heard if at_ms - quote.timestamp_ms <= terms.rules.max_age_ms]
    roles: dict[str, Role] = {quote.source: "vouches" for quote in fresh}
    alone = mark
    if isinstance(mark, NoConsensus):
        # a veto is a quote that the fresh ones would have a price without
        lenient = replace(terms, rules=replace(terms.rules, min_upstreams=1))
        alone = _ask(fresh, lenient, at_ms)
        vetoing = [quote for quote in heard if isinstance(_ask([*fresh, quote], lenient, at_ms), NoConsensus)]
        roles |= {quote.source: "vetoes" for quote in vetoing if isinstance(alone, MarkPrice)}
    reference = alone.price if isinstance(alone, MarkPrice) else last.price if last else None
    views = [_source_view(quote, roles, reasons, reference, at_ms) for quote in sorted(quotes, key=_as_registered)]
    return mark, reference, tuple(views)


def _ask(quotes: list[Quote], terms: PriceTerms, at_ms: int) -> MarkPrice | NoConsensus:
    try:
        return consensus(quotes, market=terms.price_symbol, now_ms=at_ms, rules=terms.rules)
    except NoConsensus as none:
        return none


def _source_view(
    quote: Quote, roles: dict[str, Role], reasons: dict[str, ExclusionReason], reference: Decimal | None, at_ms: int
) -> SourceView:
    reason = reasons.get(quote.source)
    price = None if reason == "malformed" else quote.price
    return SourceView(
        source=quote.source,
        price=price,
        age_ms=max(-LONGEST_AGE_MS, min(at_ms - quote.timestamp_ms, LONGEST_AGE_MS)),
        distance=price / reference - ONE if price and reference else None,
        role="left_out" if reason else roles.get(quote.source, "may_veto"),
        reason=reason,
    )


def _as_registered(quote: Quote) -> tuple[bool, int, str]:
    """The sources in their order, then those that are registered no more."""
    names = list(SOURCES)
    is_gone = quote.source not in names
    return is_gone, 0 if is_gone else names.index(quote.source), quote.source
