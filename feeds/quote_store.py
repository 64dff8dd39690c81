"""The latest quotes in Redis: a hash a price symbol, a field a source, the source's own time before exact numbers.

The newer quote stays, whoever writes: the streamer, a poll that was slow, a process that was paused and woke up late.
Losing Redis loses nothing that the next tick does not bring back. Raises RedisDown; the callers say what follows.
"""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any

from redis.commands.core import Script

from feeds.consensus import Quote
from vanta import redis

KEY_PREFIX = "feeds:quotes:"
SEPARATOR = "|"
# What is stored further ahead than this, by Redis' clock, gives way to anything: it must not stay for ever.
MAX_FUTURE_MS = 2000
_KEEP_NEWEST = """
local time, written = redis.call('TIME'), 0
local limit_ms = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ARGV[1])
for i = 1, #KEYS do
    local field, time_ms, value = ARGV[3 * i - 1], tonumber(ARGV[3 * i]), ARGV[3 * i + 1]
    local stored = redis.pcall('HGET', KEYS[i], field)
    if type(stored) == 'table' then
        redis.call('DEL', KEYS[i])
        stored = nil
    end
    local stored_ms = stored and tonumber(string.match(stored, '^(%d+)|'))
    if not stored_ms or stored_ms <= time_ms or stored_ms > limit_ms then
        redis.call('HSET', KEYS[i], field, value)
        written = written + 1
    end
end
return written
"""


def write_quotes(quotes: Sequence[Quote]) -> int:
    """Store each source's quote of each market unless a newer one is there, in one round trip; how many were stored."""
    if not quotes:
        return 0
    keys = [KEY_PREFIX + quote.market for quote in quotes]
    arguments: list[Any] = [MAX_FUTURE_MS]
    for quote in quotes:
        arguments += (quote.source, quote.timestamp_ms, encode(quote))
    return int(_keep_newest()(keys=keys, args=arguments, client=redis.client()))


def read_quotes(price_symbols: Sequence[str]) -> list[list[Quote]]:
    """The quotes of each of `price_symbols`, in their order, in one pipelined read."""
    if len(price_symbols) == 1:
        return [_decode_all(redis.client().hgetall(KEY_PREFIX + price_symbols[0]), price_symbols[0])]
    pipeline = redis.client().pipeline(transaction=False)
    for symbol in price_symbols:
        pipeline.hgetall(KEY_PREFIX + symbol)
    return [_decode_all(stored, symbol) for stored, symbol in zip(pipeline.execute(), price_symbols, strict=True)]


def quote_times_ms(source: str, price_symbols: Sequence[str]) -> dict[str, int]:
    """The time of a source's stored quote of each market that it has one of; cheaper than reading the quotes."""
    pipeline = redis.client().pipeline(transaction=False)
    for symbol in price_symbols:
        pipeline.hget(KEY_PREFIX + symbol, source)
    heads = [(text or "").partition(SEPARATOR)[0] for text in pipeline.execute()]
    return {symbol: int(head) for symbol, head in zip(price_symbols, heads, strict=True) if head.isdigit()}


def encode(quote: Quote) -> str:
    """The quote as its time and JSON; its market and source are the key and the field."""
    told = {
        "upstream": quote.upstream,
        "price": str(quote.price),
        "received_at_ms": quote.received_at_ms,
        "weight": str(quote.weight),
        "max_age_ms": quote.max_age_ms,
        "bid": None if quote.bid is None else str(quote.bid),
        "ask": None if quote.ask is None else str(quote.ask),
    }
    return f"{quote.timestamp_ms}{SEPARATOR}{json.dumps(told, separators=(',', ':'))}"


def decode(text: str, *, market: str, source: str) -> Quote | None:
    """The stored quote, or None where the text is none (an older or newer version's: the next poll replaces it)."""
    head, _, told = text.partition(SEPARATOR)
    try:
        stored = json.loads(told)
        return Quote(
            market,
            source,
            stored["upstream"],
            Decimal(stored["price"]),
            int(head),
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


@cache
def _keep_newest() -> Script:
    """The script by its hash; the client that is passed at the call loads it where a restarted Redis has lost it."""
    return redis.client().register_script(_KEEP_NEWEST)
