"""The contract of every price source, held against the sandbox over HTTP. Registering a source is what tests it."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import Settings

from feeds.sources import SOURCES, UnknownSource, close_sources, price_source
from feeds.sources.base import MarketRef, PriceSource, SourceError
from tests.feeds.conftest import Sandbox
from tests.waiting import wait_until
from vanta import clock

ETH = MarketRef("ETH/USD", 0, "ethereum", 2)
BTC = MarketRef("BTC/USD", 1, "bitcoin", 1)
NOWHERE = MarketRef("NOWHERE/USD", 9999, "no-such-coin", 9999)
SERVICE = {"avantis": "feed", "chainlink": "rpc", "coingecko": "coingecko"}
SLACK_S = 1.5

pytestmark = pytest.mark.parametrize("name", sorted(SOURCES))


@pytest.fixture
def source(name: str, sandbox: Sandbox) -> PriceSource:
    return price_source(name)


def failure(source: PriceSource) -> SourceError:
    with pytest.raises(SourceError) as caught:
        source.fetch([ETH, BTC])
    return caught.value


def test_a_source_says_who_it_is(source: PriceSource, name: str) -> None:
    assert source.name == name
    assert source.upstream
    assert Decimal(0) < source.weight < 10
    assert 5000 < source.max_age_ms <= 3_600_000
    assert 0 < source.timeout_s < 10


def test_quotes_are_of_the_markets_asked_for_and_carry_the_source_s_terms(source: PriceSource) -> None:
    quotes = {quote.market: quote for quote in source.fetch([ETH, BTC])}
    assert set(quotes) == {"ETH/USD", "BTC/USD"}
    for quote in quotes.values():
        assert (quote.source, quote.upstream, quote.weight) == (source.name, source.upstream, source.weight)
        assert isinstance(quote.price, Decimal)
        assert quote.price.is_finite()
        assert quote.price > 0


def test_the_timestamp_is_the_source_s_own_and_not_the_time_of_fetching(
    source: PriceSource, name: str, sandbox: Sandbox
) -> None:
    sandbox.fault(SERVICE[name], "frozen")
    first = source.fetch([ETH])[0]
    pause_until(lambda: clock.now_ms() > first.received_at_ms + 50)
    second = source.fetch([ETH])[0]
    assert second.received_at_ms > first.received_at_ms
    # CoinGecko's age saws up and down in whole seconds while its price is frozen
    assert abs(second.timestamp_ms - first.timestamp_ms) <= (1000 if name == "coingecko" else 0)
    assert second.timestamp_ms <= first.received_at_ms


def test_the_price_is_the_one_the_source_gave(source: PriceSource, name: str, sandbox: Sandbox) -> None:
    sandbox.fault(SERVICE[name], "frozen")
    honest = source.fetch([ETH])[0].price
    sandbox.fault(SERVICE[name], "jump", jump_pct=50, symbols=["ETH/USD"])
    assert abs(source.fetch([ETH])[0].price / honest - Decimal("1.5")) < Decimal("0.001")


def test_a_market_that_the_source_does_not_know_hides_no_other(source: PriceSource) -> None:
    assert [quote.market for quote in source.fetch([NOWHERE, ETH])] == ["ETH/USD"]


def test_nothing_to_ask_is_nothing_to_answer(source: PriceSource, name: str, sandbox: Sandbox) -> None:
    before = sandbox.served(SERVICE[name])
    assert source.fetch([]) == []
    assert sandbox.served(SERVICE[name]) == before


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 503},
        {"kind": "status", "status": 404},
        {"kind": "garbage"},
        {"kind": "drop"},
    ],
    ids=lambda fault: f"{fault['kind']}-{fault.get('status', '')}",
)
def test_a_fault_is_a_source_error_and_is_not_retried(
    source: PriceSource, name: str, sandbox: Sandbox, fault: dict[str, Any]
) -> None:
    sandbox.fault(SERVICE[name], **fault)
    before = sandbox.served(SERVICE[name])
    assert failure(source).retry_after_s is None
    # two markets; a kept connection that drops is replaced once, which repeats no answer
    assert sandbox.served(SERVICE[name]) - before <= (4 if fault["kind"] == "drop" else 2)


def test_a_hanging_source_is_given_up_within_its_own_bound(source: PriceSource, name: str, sandbox: Sandbox) -> None:
    sandbox.fault(SERVICE[name], "hang", seconds=30)
    started = time.monotonic()
    failure(source)
    assert time.monotonic() - started < source.timeout_s + SLACK_S


def test_a_rate_limit_names_the_pause_that_was_asked_for(source: PriceSource, name: str, sandbox: Sandbox) -> None:
    sandbox.fault(SERVICE[name], "rate_limit", retry_after=17)
    assert failure(source).retry_after_s == 17


def test_a_source_that_cannot_be_reached_is_a_source_error(source: PriceSource, name: str, settings: Settings) -> None:
    settings.VERANTA_FEED_URL = settings.COINGECKO_BASE_URL = settings.BASE_RPC_URL = "http://127.0.0.1:9"
    close_sources()
    with pytest.raises(SourceError):
        price_source(name).fetch([ETH])


def test_several_threads_may_ask_at_once(source: PriceSource) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: source.fetch([ETH, BTC]), range(16)))
    assert {len(quotes) for quotes in answers} == {2}


def test_an_unregistered_name_is_refused(name: str) -> None:
    with pytest.raises(UnknownSource):
        price_source(name + "x")


def pause_until(condition: Callable[[], bool]) -> None:
    wait_until(condition, 5, "time goes on")
