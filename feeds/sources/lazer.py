"""The venue's price stream: Pyth Lazer's prices as server-sent events, all markets in one connection.

The SDK's `LazerPriceStream` makes floats of the prices, hides that a connection has ended, opens the next one at once
and waits 90 s for a silent one (ADR 10). Here a connection is read once; whoever supervises it decides what follows.
"""

from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from decimal import Decimal
from http import HTTPStatus
from typing import Any

import aiohttp

from feeds.consensus import Quote
from feeds.sources.base import MarketRef, SourceError
from feeds.sources.http import parse_json, read_integer, read_price
from vanta import clock

SOURCE = "avantis"  # the pull's and the stream's quotes are one source's: the newer one stays
UPSTREAM = "pyth"
WEIGHT = Decimal("1.5")
MAX_AGE_MS = 60_000
CONNECT_TIMEOUT_S = 3
LONGEST_LINE = 1024 * 1024
EVENT = b"event:"
DATA = b"data:"
US_PER_MS = 1000
MAX_EXPONENT = 30


async def price_frames(feed_url: str, feed_ids: Sequence[int]) -> AsyncGenerator[Any, None]:
    """The data of each `price_update` of one connection, numbers exact, until the server ends it.

    Raises SourceError with what the HTTP layer says. Silence is its reader's to bound: a connection that sends
    heartbeats and no prices looks alive here. Frames that are not JSON are skipped.
    """
    timeout = aiohttp.ClientTimeout(total=None, connect=CONNECT_TIMEOUT_S)
    address = f"{feed_url.rstrip('/')}/v1/stream"
    query = {"price_feed_ids": ",".join(str(number) for number in feed_ids)}
    session = aiohttp.ClientSession(timeout=timeout, trust_env=True, read_bufsize=LONGEST_LINE)
    try:
        async with session, session.get(address, params=query, allow_redirects=False) as response:
            if response.status != HTTPStatus.OK:
                raise SourceError(f"HTTP {response.status}")
            async for data in _updates(response.content):
                yield data
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise SourceError(type(error).__name__) from error


async def _updates(lines: aiohttp.StreamReader) -> AsyncIterator[Any]:
    is_update = False
    async for line in lines:
        if line.startswith(EVENT):
            is_update = line[len(EVENT) :].strip() == b"price_update"
        elif is_update and line.startswith(DATA):
            try:
                yield parse_json(line[len(DATA) :])
            except ValueError:
                continue  # cut off or garbled: the next frame is a fifth of a second away


class FrameReader:
    """Turns frames into quotes of the markets that are wanted now."""

    def __init__(self, markets: Sequence[MarketRef]) -> None:
        by_id: dict[int, list[str]] = defaultdict(list)
        for market in markets:
            if market.lazer_feed_id:
                by_id[market.lazer_feed_id].append(market.symbol)
        self._symbols: Mapping[int, list[str]] = by_id

    @property
    def feed_ids(self) -> list[int]:
        """What to subscribe to."""
        return sorted(self._symbols)

    def quotes(self, frame: Any) -> list[Quote]:
        """The usable quotes of a frame, all with the frame's own time; none where it has no time."""
        feeds = frame.get("priceFeeds") if isinstance(frame, dict) else None
        stamp_us = read_integer(frame.get("timestampUs")) if isinstance(frame, dict) else None
        if stamp_us is None or not isinstance(feeds, list):
            return []
        received_ms, found = clock.now_ms(), []
        for feed in feeds:
            numbers = _numbers(feed) if isinstance(feed, dict) else None
            if numbers is None:
                continue
            for symbol in self._symbols.get(feed["priceFeedId"], ()):
                found.append(_quote(symbol, numbers, stamp_us // US_PER_MS, received_ms))
        return found


Numbers = tuple[Decimal, Decimal | None, Decimal | None]


def _quote(symbol: str, numbers: Numbers, timestamp_ms: int, received_at_ms: int) -> Quote:
    price, bid, ask = numbers
    return Quote(symbol, SOURCE, UPSTREAM, price, timestamp_ms, received_at_ms, WEIGHT, MAX_AGE_MS, bid, ask)


def _numbers(feed: dict[str, Any]) -> Numbers | None:
    """Price, bid and ask of one entry, exact; both sides or none, and None where there is no price."""
    number, exponent = feed.get("priceFeedId"), feed.get("exponent")
    if not isinstance(number, int) or not isinstance(exponent, int) or abs(exponent) > MAX_EXPONENT:
        return None
    price = _scaled(feed.get("price"), exponent)
    if price is None:
        return None
    bid, ask = _scaled(feed.get("bestBidPrice"), exponent), _scaled(feed.get("bestAskPrice"), exponent)
    return (price, bid, ask) if bid is not None and ask is not None and bid <= ask else (price, None, None)


def _scaled(raw: Any, exponent: int) -> Decimal | None:
    """The raw integer times ten to the exponent."""
    whole = read_integer(raw)
    return None if whole is None else read_price(Decimal(whole).scaleb(exponent))
