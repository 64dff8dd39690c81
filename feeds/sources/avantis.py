"""The venue's own prices and catalogue, through its SDK. The primary source: it vouches.

The SDK's `markets.price()` drops the timestamp and falls back to a leg without one, its transport turns numbers into
floats, retries three times and keeps 20 connections: hence `price_update_data()` over a transport of our own.
"""

import asyncio
from collections.abc import Iterable, Sequence
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import structlog
from django.conf import settings
from veranta_sdk.config import VerantaConfig
from veranta_sdk.markets import MarketsApi

from feeds.consensus import Quote
from feeds.sources.background import private_loop
from feeds.sources.base import MarketRef, SourceError
from feeds.sources.http import read_integer, read_price
from feeds.sources.transport import ExactTransport
from vanta import clock

log = structlog.get_logger(__name__)
CONNECTIONS = 24
REQUEST_TIMEOUT_S = 1.0
CYCLE_TIMEOUT_S = 1.5
SNAPSHOT_TIMEOUT_S = 8.0
CANDLES_TIMEOUT_S = 5.0
RESOLUTIONS = {60: "1", 300: "5", 3600: "60", 86_400: "1D"}  # TradingView's names, which the feed takes
DEFAULT_PAUSE_S = 2  # the primary: silent no longer than it asks for


class AvantisSource:
    """One request a market, all at once over a few connections that stay open; the pro leg, with its own timestamp."""

    name = "avantis"
    upstream = "pyth"
    weight = Decimal("1.5")
    max_age_ms = 60_000
    timeout_s = 2.0
    spared_ms = 900  # the stream has brought it
    longest_pause_s = 5

    def __init__(self) -> None:
        self._config = VerantaConfig.load(
            api_base_url=settings.VERANTA_API_BASE_URL,
            tx_builder_url=settings.VERANTA_TX_BUILDER_URL,
            history_api_url=settings.VERANTA_HISTORY_API_URL,
            feed_url=settings.VERANTA_FEED_URL,
        )
        # a price's own bound is shorter, and set where it is asked for
        self._transport = ExactTransport(
            connections=CONNECTIONS, timeout_s=CANDLES_TIMEOUT_S, default_pause_s=DEFAULT_PAUSE_S
        )
        self._markets = MarketsByIndex(self._config, self._transport)
        self._slots = asyncio.Semaphore(CONNECTIONS)

    def fetch(self, markets: Sequence[MarketRef]) -> list[Quote]:
        """As `PriceSource.fetch`: one call a market, all at once."""
        if not markets:
            return []
        try:
            answers = private_loop().run(self._ask_all(markets), timeout_s=self.timeout_s)
        except TimeoutError as error:
            raise SourceError("timeout", source=self.name) from error
        quotes = [answer for answer in answers if isinstance(answer, Quote)]
        if not quotes:
            raise _worst(answers, source=self.name)
        return quotes

    def fetch_snapshot(self) -> Any:
        """The venue's whole trading snapshot. Raises SourceError."""
        url = f"{self._config.data_api_url}/v2/trading"
        ask = self._transport.json("GET", url, timeout_s=SNAPSHOT_TIMEOUT_S)
        try:
            return private_loop().run(ask, timeout_s=SNAPSHOT_TIMEOUT_S)
        except TimeoutError as error:
            raise SourceError("timeout", source=self.name) from error

    def fetch_candles(self, symbol: str, resolution_s: int, start_s: int, end_s: int) -> Any:
        """As `CandleSource.fetch_candles`."""
        ask = self._markets.candles(symbol, RESOLUTIONS[resolution_s], start_s, end_s)
        try:
            return private_loop().run(ask, timeout_s=CANDLES_TIMEOUT_S)
        except TimeoutError as error:
            raise SourceError("timeout", source=self.name) from error

    def close(self) -> None:
        """Close the connections."""
        private_loop().run(self._transport.close(), timeout_s=self.timeout_s)

    async def _ask_all(self, markets: Sequence[MarketRef]) -> list[Quote | SourceError]:
        """What came in time: markets that hang are given up, they never hold back the others."""
        tasks = [asyncio.create_task(self._ask(market)) for market in markets]
        done, late = await asyncio.wait(tasks, timeout=CYCLE_TIMEOUT_S)
        for task in late:
            task.cancel()
        return [_outcome(task) for task in done]

    async def _ask(self, market: MarketRef) -> Quote | SourceError:
        try:
            async with self._slots, asyncio.timeout(REQUEST_TIMEOUT_S):
                answer = await self._markets.price_update_data(market.pair_index)
        except TimeoutError:
            return SourceError("timeout", market=market.symbol)
        except SourceError as error:
            return error
        quote = self._quote(market, answer)
        return quote or SourceError("no usable pro price", market=market.symbol)

    def _quote(self, market: MarketRef, answer: Any) -> Quote | None:
        body = answer.get("data", answer) if isinstance(answer, dict) else None
        leg = body.get("pro") if isinstance(body, dict) else None
        if not isinstance(leg, dict):
            return None  # the core leg has no timestamp of its own: it proves nothing
        price, published_ms = read_price(leg.get("price")), read_integer(leg.get("publishTimestampMs"))
        if price is None or published_ms is None:
            return None
        return Quote(
            market=market.symbol,
            source=self.name,
            upstream=self.upstream,
            price=price,
            timestamp_ms=published_ms,
            received_at_ms=clock.now_ms(),
            weight=self.weight,
            max_age_ms=self.max_age_ms,
        )


def _outcome(task: "asyncio.Task[Quote | SourceError]") -> Quote | SourceError:
    """One market's answer, however odd, must not discard the others'."""
    error = task.exception()
    if error is None:
        return task.result()
    log.error("answer_not_read", error=repr(error)[:200])
    return SourceError(f"unreadable answer ({type(error).__name__})")


class MarketsByIndex(MarketsApi):  # type: ignore[misc]  # the SDK is not typed strictly
    """The SDK's markets without its catalogue: it would download and parse all pairs to look up an index we know."""

    async def pair(self, ref: str | int) -> Any:
        """All that `price_update_data` reads of a pair."""
        return SimpleNamespace(index=ref)


def _worst(answers: Iterable[Quote | SourceError], *, source: str) -> SourceError:
    """The failure to report where all failed: the one that asks for the longest pause."""
    errors = [answer for answer in answers if isinstance(answer, SourceError)]
    if not errors:
        return SourceError("timeout", source=source)
    worst = max(errors, key=lambda error: error.retry_after_s or 0)
    return SourceError(worst.kind, retry_after_s=worst.retry_after_s, source=source)
