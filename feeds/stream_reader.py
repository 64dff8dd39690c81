"""Reading the venue's price stream for as long as somebody wants it: connect, take what is newer, connect again.

Knows neither Redis nor PostgreSQL: the markets are given to it, the quotes are taken from it.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from feeds.consensus import Quote
from feeds.quote_store import MAX_FUTURE_MS
from feeds.sources.base import MarketRef, SourceError
from feeds.sources.lazer import FrameReader, price_frames
from vanta import clock, metrics
from vanta.supervision.backoff import RestartPolicy
from vanta.supervision.jobs import JobReport, supervise

SILENCE_S = 5
MS_PER_S = 1000
LOOK_FOR_MARKETS_S = 1
# It never gives up: the poll serves meanwhile, and an outage lasts as long as it lasts.
POLICY = RestartPolicy(first_delay_s=1 / 4, longest_delay_s=4, give_up_after=10, gives_up=False)


@dataclass(slots=True)
class ConnectionState:
    """How reading goes. `since_ms` is when `state` began."""

    state: str = "connecting"
    since_ms: int = 0
    last_price_ms: int = 0
    failures: int = 0
    last_error: str = ""


class StreamReader:
    """Keeps one connection open. `show_markets` before `run`, and whenever they change."""

    def __init__(self) -> None:
        self.connection = ConnectionState()
        self._frames = FrameReader(())
        self._pending: dict[str, Quote] = {}
        self._newest_ms: dict[str, int] = {}

    def show_markets(self, markets: Sequence[MarketRef]) -> None:
        """The markets whose quotes are wanted; those of a market that has closed are no longer taken."""
        self._frames = FrameReader(markets)

    def take(self) -> list[Quote]:
        """The newest quote of each market that has a newer one since this was last asked."""
        taken, self._pending = list(self._pending.values()), {}
        return taken

    async def run(self) -> None:
        """Read until cancelled."""
        await supervise(self._read_connections, name="price_stream", policy=POLICY, report=self._note)

    async def _read_connections(self) -> None:
        """One connection after the other as long as only the markets change. Raises SourceError when one fails."""
        while True:
            while not self._frames.feed_ids:
                await asyncio.sleep(LOOK_FOR_MARKETS_S)
            try:
                await self._read_connection(self._frames.feed_ids)
            except SourceError as error:
                metrics.stream_ends.labels(error.kind).inc()
                self.connection.last_error = error.kind
                raise

    async def _read_connection(self, feed_ids: Sequence[int]) -> None:
        """Take quotes until a market is wanted that was not subscribed to. Raises SourceError however else it ends."""
        begun_at = news_at = clock.monotonic()
        async with aclosing(price_frames(settings.VERANTA_FEED_URL, feed_ids)) as frames:
            while set(self._frames.feed_ids) <= set(feed_ids):
                frame = await _next_frame(frames, within_s=news_at + SILENCE_S - clock.monotonic())
                if self._accept(frame):
                    news_at = clock.monotonic()
                if news_at - begun_at > POLICY.healthy_after_s:
                    self.connection.failures = 0

    def _accept(self, frame: Any) -> bool:
        """Keep what is newer than what came before; whether anything of it is news.

        A frozen stream is a silent one, and so is one that lags: what comes must be young enough to open with. A quote
        that is stamped ahead of us is none.
        """
        now_ms, newest_ms = clock.now_ms(), 0
        for quote in self._frames.quotes(frame):
            if not self._newest_ms.get(quote.market, 0) < quote.timestamp_ms <= now_ms + MAX_FUTURE_MS:
                continue
            self._pending[quote.market] = quote
            self._newest_ms[quote.market] = quote.timestamp_ms
            newest_ms = max(newest_ms, quote.timestamp_ms)
        has_news = newest_ms >= now_ms - SILENCE_S * MS_PER_S
        if has_news:
            metrics.stream_frames.inc()
            self._now("streaming")
            self.connection.last_price_ms = min(newest_ms, now_ms)
        return has_news

    def _note(self, report: JobReport) -> None:
        self.connection.failures = report.failures
        self._now("connecting" if report.state == "running" else report.state)

    def _now(self, state: str) -> None:
        if self.connection.state != state:
            self.connection.state, self.connection.since_ms = state, clock.now_ms()


async def _next_frame(frames: AsyncGenerator[Any, None], *, within_s: float) -> Any:
    try:
        return await asyncio.wait_for(anext(frames), within_s)
    except TimeoutError as error:
        raise SourceError("silent") from error
    except StopAsyncIteration:
        raise SourceError("closed by the server") from None
