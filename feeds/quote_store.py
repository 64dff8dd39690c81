"""The latest quotes in Redis: a hash a price symbol, a field a source, JSON with exact numbers.

Losing it loses nothing that the next poll does not bring back. Raises RedisDown; the callers say what follows from it.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from feeds.consensus import Quote
from vanta import redis

KEY_PREFIX = "feeds:quotes:"


def write_quotes(quotes: Iterable[Quote]) -> None:
    """Replace each source's quote of each market, in one pipelined write."""
    fields: dict[str, dict[Any, Any]] = defaultdict(dict)
    for quote in quotes:
        fields[quote.market][quote.source] = encode(quote)
    pipeline = redis.client().pipeline(transaction=False)
    for symbol, by_source in fields.items():
        pipeline.hset(KEY_PREFIX + symbol, mapping=by_source)
    pipeline.execute()


def read_quotes(price_symbols: Sequence[str]) -> list[list[Quote]]:
    """The quotes of each of `price_symbols`, in their order, in one pipelined read."""
    if len(price_symbols) == 1:
        return [_decode_all(redis.client().hgetall(KEY_PREFIX + price_symbols[0]), price_symbols[0])]
    pipeline = redis.client().pipeline(transaction=False)
    for symbol in price_symbols:
        pipeline.hgetall(KEY_PREFIX + symbol)
    return [_decode_all(stored, symbol) for stored, symbol in zip(pipeline.execute(), price_symbols, strict=True)]


def encode(quote: Quote) -> str:
    """The quote as JSON; its market and source are the key and the field."""
    return json.dumps(
        {
            "upstream": quote.upstream,
            "price": str(quote.price),
            "timestamp_ms": quote.timestamp_ms,
            "received_at_ms": quote.received_at_ms,
            "weight": str(quote.weight),
            "max_age_ms": quote.max_age_ms,
            "bid": None if quote.bid is None else str(quote.bid),
            "ask": None if quote.ask is None else str(quote.ask),
        },
        separators=(",", ":"),
    )


def decode(text: str, *, market: str, source: str) -> Quote | None:
    """The stored quote, or None where the text is none (an older or newer version's: the next poll replaces it)."""
    try:
        stored = json.loads(text)
        return Quote(
            market,
            source,
            stored["upstream"],
            Decimal(stored["price"]),
            stored["timestamp_ms"],
            stored["received_at_ms"],
            Decimal(stored["weight"]),
            stored["max_age_ms"],
            None if stored["bid"] is None else Decimal(stored["bid"]),
            None if stored["ask"] is None else Decimal(stored["ask"]),
        )
    except (ValueError, KeyError, TypeError, InvalidOperation):
        return None


def _decode_all(stored: Mapping[Any, Any], market: str) -> list[Quote]:
    quotes = [decode(text, market=market, source=source) for source, text in stored.items()]
    return [quote for quote in quotes if quote is not None]
