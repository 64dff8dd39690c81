"""Reading the stream: what is newer is taken, what ails it is said, and it is opened again."""

import asyncio
from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any

import pytest

from feeds.consensus import Quote
from feeds.sources.base import MarketRef
from feeds.stream_reader import StreamReader
from tests.feeds.conftest import Sandbox
from tests.waiting import wait_until
from vanta import clock

ETH, BTC = MarketRef("ETH/USD", 0, None, 2), MarketRef("BTC/USD", 1, None, 1)


class Reading:
    """A reader at work on a loop of its own; `seen` is everything that was taken from it."""

    def __init__(self) -> None:
        self.reader = StreamReader()
        self.loop = asyncio.new_event_loop()
        self.seen: list[Quote] = []
        self._work: asyncio.Task[None] | None = None
        self._thread = Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def begin(self, *markets: MarketRef) -> None:
        self.reader.show_markets(markets)
        asyncio.run_coroutine_threadsafe(self._read(), self.loop)

    async def _read(self) -> None:
        self._work = asyncio.current_task()
        await self.reader.run()

    def take(self) -> list[Quote]:
        taken = self.reader.take()
        self.seen += taken
        return taken

    def end(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)
        self.loop.close()

    async def _end(self) -> None:
        if self._work:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)


@pytest.fixture
def reading(sandbox: Sandbox) -> Iterator[Reading]:
    reading = Reading()
    yield reading
    reading.end()


def markets_seen(reading: Reading) -> Callable[[], set[str]]:
    return lambda: {quote.market for quote in reading.take()}


def test_quotes_come_with_the_source_s_own_time_and_each_only_once(reading: Reading) -> None:
    reading.begin(ETH, BTC)
    wait_until(lambda: len(reading.seen) > 8 or (reading.take() and None), 10, "quotes come")
    by_market: dict[str, list[int]] = {}
    for quote in reading.seen:
        assert abs(quote.received_at_ms - quote.timestamp_ms) < 3000
        assert quote.bid is not None
        assert quote.ask is not None
        by_market.setdefault(quote.market, []).append(quote.timestamp_ms)
    assert set(by_market) == {"ETH/USD", "BTC/USD"}
    for times in by_market.values():
        assert times == sorted(set(times))
    assert reading.reader.connection.state == "streaming"


def test_it_waits_for_markets_and_subscribes_anew_when_more_are_wanted(reading: Reading, sandbox: Sandbox) -> None:
    before = sandbox.served("feed")
    reading.begin()
    reading.reader.show_markets([ETH])
    wait_until(lambda: markets_seen(reading)() == {"ETH/USD"}, 10, "ETH comes")
    reading.reader.show_markets([ETH, BTC])
    wait_until(lambda: markets_seen(reading)() == {"ETH/USD", "BTC/USD"}, 10, "BTC comes as well")
    assert sandbox.served("feed") - before == 2
    assert reading.reader.connection.failures == 0


def test_a_market_that_has_closed_is_no_longer_taken_from_the_same_connection(
    reading: Reading, sandbox: Sandbox
) -> None:
    reading.begin(ETH, BTC)
    wait_until(lambda: markets_seen(reading)() == {"ETH/USD", "BTC/USD"}, 10, "both come")
    before = sandbox.served("feed")
    reading.reader.show_markets([BTC])
    reading.take()
    wait_until(lambda: markets_seen(reading)() == {"BTC/USD"}, 10, "BTC goes on")
    assert sandbox.served("feed") == before


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "status", "status": 503}, "HTTP 503"),
        ({"kind": "rate_limit"}, "HTTP 429"),
        ({"kind": "drop"}, "ServerDisconnectedError"),
        ({"kind": "garbage"}, "closed by the server"),
    ],
    ids=lambda value: str(value),
)
def test_a_stream_that_cannot_be_read_is_opened_again_and_its_ailment_told(
    reading: Reading, sandbox: Sandbox, fault: dict[str, Any], error: str
) -> None:
    sandbox.fault("feed", match="/v1/stream", **fault)
    reading.begin(ETH)
    wait_until(lambda: reading.reader.connection.failures >= 2, 10, "it is tried again")
    assert reading.reader.connection.last_error == error
    sandbox.reset()
    wait_until(lambda: reading.take() != [], 10, "prices come back")


def test_a_stream_that_hangs_at_the_beginning_is_silent(reading: Reading, sandbox: Sandbox) -> None:
    sandbox.fault("feed", "hang", match="/v1/stream", seconds=60)
    began = clock.monotonic()
    reading.begin(ETH)
    wait_until(lambda: reading.reader.connection.failures == 1, 10, "silence is noticed")
    assert 4 < clock.monotonic() - began < 8
    assert reading.reader.connection.last_error == "silent"


def test_a_frozen_stream_is_a_silent_one(reading: Reading, sandbox: Sandbox) -> None:
    reading.begin(ETH)
    wait_until(lambda: reading.take() != [], 10, "prices come")
    sandbox.fault("feed", "frozen")
    wait_until(lambda: reading.reader.connection.last_error == "silent", 10, "standing still is noticed")
    sandbox.reset()
    wait_until(lambda: reading.take() != [], 10, "prices come back")


def frame(*, age_ms: int, price: int = 3000) -> dict[str, Any]:
    feed = {"priceFeedId": 2, "price": str(price * 10**8), "exponent": -8}
    return {"timestampUs": str((clock.now_ms() - age_ms) * 1000), "priceFeeds": [feed]}


def test_what_lags_is_taken_and_is_no_sign_of_life() -> None:
    reader = StreamReader()
    reader.show_markets([ETH])
    assert not reader._accept(frame(age_ms=40_000))
    assert [quote.price for quote in reader.take()] == [3000]
    assert reader._accept(frame(age_ms=200))
    assert reader.connection.state == "streaming"


def test_what_is_stamped_ahead_of_us_takes_no_honest_price_s_place() -> None:
    reader = StreamReader()
    reader.show_markets([ETH])
    reader._accept(frame(age_ms=200))
    assert not reader._accept(frame(age_ms=-60_000, price=9))
    assert [quote.price for quote in reader.take()] == [3000]
    assert reader._accept(frame(age_ms=100, price=3001))
