"""The price streamer: leads or waits, stores the stream's quotes five times a second, keeps the marks each second.

Redis down: nothing can be stored; the lease ends, and it leads again within seconds of Redis' return.
PostgreSQL down: quotes go on, marks are not kept, the markets are what they last were.
The stream down: it is opened again with growing pauses, and the poll of the same source takes over meanwhile.
"""

import asyncio
import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog
from django.db import Error as DatabaseError
from django.db import close_old_connections

from feeds.consensus import Quote
from feeds.leadership import Leadership
from feeds.marks import mirror_if_due
from feeds.quote_store import write_quotes
from feeds.selectors import open_markets
from feeds.source_status import record_streamed
from feeds.sources.base import MarketRef
from feeds.sources.lazer import SOURCE
from feeds.stream_reader import StreamReader
from feeds.stream_status import StreamStatus, record_stream
from vanta import heartbeat, redis, tracing

Result = TypeVar("Result")
log = structlog.get_logger(__name__)
LEASE_S = 6  # with a look each second another leads within 7 s of a kill
WRITES_A_SECOND = 5


class Streamer:
    """One process's streamer. The event loop reads; a thread talks to Redis, another to PostgreSQL: neither waits."""

    def __init__(self) -> None:
        self._leadership = Leadership("streamer", lease_s=LEASE_S)
        self._reader = StreamReader()
        self._markets: list[MarketRef] = []
        self._name = f"{socket.gethostname()}:{os.getpid()}"
        self._redis_thread = ThreadPoolExecutor(1, thread_name_prefix="redis")
        self._database_thread = ThreadPoolExecutor(1, thread_name_prefix="database")
        self._keeping: asyncio.Future[None] | None = None
        self._failing: dict[str, bool] = {}

    async def run(self) -> None:
        """Stream whenever nobody else does, until cancelled; then let another take over at once."""
        try:
            while True:
                if await self._in(self._redis_thread, self._leadership.take_or_renew):
                    await self._lead()
                await asyncio.sleep(1)
        finally:
            self._leadership.give_up()
            self._redis_thread.shutdown(wait=False)
            self._database_thread.shutdown(wait=False)

    async def _lead(self) -> None:
        log.info("streamer_leads", leader=self._name)
        await self._in(self._database_thread, self._read_markets)
        reading = asyncio.create_task(self._reader.run())
        try:
            while not reading.done() and await self._second():
                pass
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            log.info("streamer_leads_no_more", leader=self._name)

    async def _second(self) -> bool:
        """Store what comes for a second, then the rest that is done once in one; whether to go on leading."""
        written: dict[str, Quote] = {}
        for _ in range(WRITES_A_SECOND):
            await asyncio.sleep(1 / WRITES_A_SECOND)
            quotes = self._reader.take()
            if quotes and self._leadership.is_held:
                await self._in(self._redis_thread, lambda: self._store(quotes))  # noqa: B023  (awaited at once)
                written.update({quote.market: quote for quote in quotes})
        if self._keeping is None or self._keeping.done():
            self._keeping = self._in(self._database_thread, self._keep_marks)
        self._reader.show_markets(self._markets)
        return await self._in(self._redis_thread, lambda: self._tell(list(written.values())))

    def _in(self, thread: ThreadPoolExecutor, work: Callable[[], Result]) -> "asyncio.Future[Result]":
        return asyncio.get_running_loop().run_in_executor(thread, work)

    # In the Redis thread

    def _store(self, quotes: list[Quote]) -> None:
        try:
            write_quotes(quotes)
        except redis.RedisDown as error:
            log.debug("quotes_not_stored", error=type(error).__name__)  # newer ones come in a fifth of a second

    def _tell(self, written: list[Quote]) -> bool:
        """Renew the lease, and say how the stream is; whether we still lead."""
        leads = self._leadership.take_or_renew()
        connection = self._reader.connection
        try:
            if leads:
                record_stream(
                    StreamStatus(
                        leader=self._name,
                        state=connection.state,
                        since_ms=connection.since_ms,
                        last_price_ms=connection.last_price_ms,
                        markets=len(written),
                        failures=connection.failures,
                        last_error=connection.last_error,
                    )
                )
                heartbeat.beat("streamer")
            if leads and written:
                record_streamed(SOURCE, written, asked=len(self._markets))
        except redis.RedisDown as error:
            log.warning("stream_status_not_told", error=type(error).__name__)
        return leads

    # In the database thread

    def _keep_marks(self) -> None:
        self._read_markets()
        try:
            mirror_if_due([market.symbol for market in self._markets])
        except (DatabaseError, *redis.RedisDown) as error:
            self._note("marks", error)
        else:
            self._note("marks", None)

    def _read_markets(self) -> None:
        tracing.reset_trace("")
        close_old_connections()
        try:
            self._markets = open_markets()
        except DatabaseError as error:
            self._note("markets", error)
        else:
            self._note("markets", None)
        self._reader.show_markets(self._markets)

    def _note(self, what: str, error: Exception | None) -> None:
        """Log the first failure of a row and its end: an outage must not write a line a second."""
        failing = error is not None
        if self._failing.get(what, False) != failing:
            self._failing[what] = failing
            log.warning(f"{what}_failing", error=type(error).__name__) if failing else log.info(f"{what}_again")
