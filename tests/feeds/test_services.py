"""From the venue to PostgreSQL and Redis and back: refreshing markets, polling sources, reading marks."""

import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from feeds import selectors, services
from feeds.consensus import Exclusion, MarkPrice, NoConsensus, Quote
from feeds.marks import mirror_marks
from feeds.models import Market
from feeds.quote_store import KEY_PREFIX, write_quotes
from feeds.source_status import CIRCUIT_OPENS_AFTER, read_status, record_streamed
from feeds.sources import SOURCES
from feeds.sources.base import MarketRef, SourceError
from tests.feeds.conftest import Sandbox
from tests.feeds.quotes import as_of_now, quote
from vanta import clock, redis

pytestmark = pytest.mark.django_db


@pytest.fixture
def markets(sandbox: Sandbox) -> int:
    return services.refresh_markets()


class Puppet:
    """A price source that does as it is told."""

    name = "puppet"
    upstream = "puppet"
    weight = Decimal(1)
    max_age_ms = 60_000
    timeout_s = 1.0
    spared_ms = 0
    longest_pause_s = 30
    calls = 0
    asked = 0

    def __init__(self) -> None:
        self.error: SourceError | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def fetch(self, markets: Sequence[MarketRef]) -> list[Quote]:
        self.calls += 1
        self.asked = len(markets)
        self.entered.set()
        self.gate.wait(5)
        if self.error:
            raise self.error
        return [fresh(market.symbol, source=self.name) for market in markets if market.symbol == "ETH/USD"]


@pytest.fixture
def puppet(monkeypatch: pytest.MonkeyPatch) -> Puppet:
    """A new source is one file and one line: here the line is added for a test."""
    monkeypatch.setitem(SOURCES, "puppet", f"{__name__}.Puppet")
    source = Puppet()
    monkeypatch.setattr(services, "price_source", lambda name: source)
    return source


def fresh(symbol: str = "ETH/USD", price: str = "3000", **changes: Any) -> Quote:
    now_ms = clock.now_ms()
    return replace(quote(price, market=symbol), timestamp_ms=now_ms - 200, received_at_ms=now_ms, **changes)


def test_the_catalogue_is_stored_whole_and_again_without_a_difference(sandbox: Sandbox) -> None:
    count = services.refresh_markets()
    before = list(Market.objects.values_list("pk", "symbol", "pair_index"))
    assert services.refresh_markets() == count == len(before) > 20
    assert list(Market.objects.values_list("pk", "symbol", "pair_index")) == before


def test_what_is_ours_survives_a_refresh(markets: int) -> None:
    Market.objects.filter(symbol="ETH/USD").update(
        min_upstreams=2, volatility_per_sqrt_s=Decimal("0.0003"), max_leverage=9
    )
    services.refresh_markets()
    eth = Market.objects.get(symbol="ETH/USD")
    assert (eth.min_upstreams, eth.volatility_per_sqrt_s, eth.max_leverage) == (2, Decimal("0.0003"), Decimal(75))


def test_a_pair_that_left_the_catalogue_stays_as_delisted(markets: int) -> None:
    eth = Market.objects.get(symbol="ETH/USD")
    eth.pk, eth.pair_index, eth.symbol = None, 5000, "GONE/USD"
    eth.save()
    services.refresh_markets()
    assert not Market.objects.get(symbol="GONE/USD").is_listed


def test_a_name_that_moved_to_another_pair_is_freed(markets: int) -> None:
    Market.objects.filter(symbol="ETH/USD").update(pair_index=5000)
    services.refresh_markets()
    assert Market.objects.get(symbol="ETH/USD").pair_index == 0
    assert not Market.objects.get(symbol="ETH/USD#5000").is_listed


def test_a_catalogue_that_does_not_come_changes_nothing(markets: int, sandbox: Sandbox) -> None:
    sandbox.fault("data", "garbage")
    with pytest.raises(SourceError):
        services.refresh_markets()
    assert Market.objects.filter(is_listed=True).count() == markets


def test_a_poll_of_the_venue_prices_every_open_market_and_its_upside_twin(markets: int, sandbox: Sandbox) -> None:
    sandbox.set_price("ETH/USD", "3000")
    asked = selectors.open_markets()
    assert services.poll_source("avantis") == len(asked)
    marks = selectors.mark_prices([market.symbol for market in asked] + ["ETH_UPSIDE/USD"])
    assert [symbol for symbol, mark in marks.items() if not isinstance(mark, MarkPrice)] == []
    plain, upside = selectors.mark_price("ETH/USD"), selectors.mark_price("ETH_UPSIDE/USD")
    assert (upside.market, upside.price, upside.sources) == ("ETH_UPSIDE/USD", plain.price, ("avantis",))
    assert abs(plain.price - 3000) < 30


def test_coingecko_vetoes_a_venue_that_lies(markets: int, sandbox: Sandbox) -> None:
    services.poll_source("coingecko")
    services.poll_source("avantis")
    assert isinstance(selectors.mark_price("ETH/USD"), MarkPrice)
    sandbox.fault("feed", "jump", jump_pct=5, symbols=["ETH/USD"])
    redis.client().hdel(KEY_PREFIX + "ETH/USD", "avantis")  # as if some time had passed: a fresh one is not asked for
    services.poll_source("avantis")
    with pytest.raises(NoConsensus) as caught:
        selectors.mark_price("ETH/USD")
    assert caught.value.reason == "vetoed"
    assert isinstance(selectors.mark_price("BTC/USD"), MarkPrice)


def test_a_frozen_venue_stops_vouching_after_five_seconds(markets: int) -> None:
    services.poll_source("avantis")
    with pytest.raises(NoConsensus) as caught:
        selectors.mark_price("ETH/USD", now_ms=clock.now_ms() + 6000)
    assert caught.value.reason == "no_fresh_quote"


def test_the_last_mark_outlives_redis_and_a_new_one_does_not_come(markets: int, redis_down_later: Any) -> None:
    services.poll_source("avantis")
    mirror_marks(["ETH/USD"])
    seen = selectors.mark_price("ETH/USD")
    redis_down_later()
    with pytest.raises(NoConsensus) as caught:
        selectors.mark_price("ETH/USD")
    last = selectors.last_mark("ETH_UPSIDE/USD")
    assert caught.value.reason == "no_quotes"
    assert last is not None
    assert (last.market, last.price, last.sources) == ("ETH_UPSIDE/USD", seen.price, ("avantis",))
    assert abs(last.as_of_ms - seen.as_of_ms) <= 1


@pytest.fixture
def redis_down_later(settings: Settings) -> Iterator[Any]:
    """A function that takes Redis away for the rest of the test."""

    def take_away() -> None:
        settings.REDIS_URL = "redis://127.0.0.1:9/1"
        redis.client.cache_clear()

    yield take_away
    redis.client.cache_clear()


def test_a_poll_without_redis_is_given_up_without_an_exception(markets: int, redis_down_later: Any) -> None:
    redis_down_later()
    assert services.poll_source("avantis") == 0


def test_a_market_nobody_knows_has_no_price() -> None:
    with pytest.raises(NoConsensus):
        selectors.mark_price("NOWHERE/USD")
    assert selectors.last_mark("NOWHERE/USD") is None


def test_a_failing_source_is_recorded_and_its_recovery_too(markets: int, puppet: Puppet) -> None:
    puppet.error = SourceError("HTTP 500", source="puppet")
    assert [services.poll_source("puppet") for _ in range(2)] == [0, 0]
    failed = read_status("puppet")
    assert (failed.failures, failed.last_ok_ms) == (2, None)
    assert "HTTP 500" in failed.last_error
    puppet.error = None
    assert services.poll_source("puppet") == 1
    assert (read_status("puppet").failures, read_status("puppet").quotes) == (0, 1)


def test_a_source_that_asked_for_a_pause_is_left_alone_until_it_is_over(markets: int, puppet: Puppet) -> None:
    puppet.error = SourceError("rate limited", retry_after_s=60)
    services.poll_source("puppet")
    services.poll_source("puppet")
    assert puppet.calls == 1
    redis.client().hset("feeds:sources:puppet", "paused_until_ms", clock.now_ms() - 1)
    services.poll_source("puppet")
    assert puppet.calls == 2


def poll_on_a_connection_of_its_own() -> None:
    try:
        services.poll_source("puppet")
    finally:
        connection.close()


def test_a_poll_asks_only_for_what_a_stream_has_not_just_brought(markets: int, puppet: Puppet) -> None:
    puppet.spared_ms = 1500
    services.poll_source("puppet")
    assert puppet.asked == len(selectors.open_markets())
    services.poll_source("puppet")
    assert puppet.asked == len(selectors.open_markets()) - 1  # ETH is fresh


def test_a_stored_time_that_lies_ahead_keeps_no_market_from_being_asked_for(markets: int, puppet: Puppet) -> None:
    puppet.spared_ms = 900
    write_quotes([replace(as_of_now(quote("2700", source="puppet")), timestamp_ms=clock.now_ms() + 25_000)])
    services.poll_source("puppet")
    assert puppet.asked == len(selectors.open_markets())
    assert selectors.mark_price("ETH/USD").price == 3000


def test_a_source_that_breaks_is_on_record_like_one_that_fails(
    markets: int, puppet: Puppet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(puppet, "fetch", lambda _: 1 / 0)
    assert services.poll_source("puppet") == 0
    assert read_status("puppet").failures == 1
    assert "broken (ZeroDivisionError)" in read_status("puppet").last_error


def test_what_the_stream_brings_does_not_forgive_the_pull_and_having_nothing_to_ask_does(
    markets: int, puppet: Puppet
) -> None:
    puppet.spared_ms, puppet.error = 900, SourceError("HTTP 500", source="puppet")
    services.poll_source("puppet")
    record_streamed("puppet", [fresh()], asked=30)
    assert (read_status("puppet").failures, read_status("puppet").quotes) == (1, 1)
    write_quotes([as_of_now(quote(market=each.symbol, source="puppet")) for each in selectors.open_markets()])
    services.poll_source("puppet")
    assert read_status("puppet").failures == 0


def test_a_source_whose_circuit_is_open_is_not_asked(markets: int, puppet: Puppet) -> None:
    puppet.error = SourceError("HTTP 500", source="puppet")
    for _ in range(8):
        services.poll_source("puppet")
    assert puppet.calls == CIRCUIT_OPENS_AFTER


@pytest.mark.django_db(transaction=True)
def test_a_slow_source_never_has_two_polls_running(markets: int, puppet: Puppet) -> None:
    puppet.gate.clear()
    slow = threading.Thread(target=poll_on_a_connection_of_its_own)
    slow.start()
    assert puppet.entered.wait(5)
    assert services.poll_source("puppet") == 0
    puppet.gate.set()
    slow.join(5)
    assert puppet.calls == 1


@pytest.mark.parametrize("text", ["", "{", "[]", "5", "null", '{"price": "x"}', json.dumps({"price": None})])
def test_garbage_in_redis_is_no_quote_and_no_exception(markets: int, text: str) -> None:
    redis.client().hset(KEY_PREFIX + "ETH/USD", "avantis", text)
    with pytest.raises(NoConsensus):
        selectors.mark_price("ETH/USD")


def test_a_key_of_another_kind_in_redis_is_no_quote(markets: int) -> None:
    redis.client().set(KEY_PREFIX + "ETH/USD", "text")
    with pytest.raises(NoConsensus):
        selectors.mark_price("ETH/USD")


def test_a_market_may_want_two_upstreams(markets: int) -> None:
    Market.objects.filter(symbol="ETH/USD").update(min_upstreams=2)
    write_quotes([fresh()])
    with pytest.raises(NoConsensus) as caught:
        selectors.mark_price("ETH/USD")
    assert caught.value.reason == "not_enough_upstreams"


def test_exclusions_are_named_for_an_upside_market_too(markets: int) -> None:
    write_quotes([fresh(), fresh(source="liar", upstream="liar", price="3300", weight=Decimal("0.1"))])
    assert selectors.mark_price("ETH_UPSIDE/USD").excluded == (Exclusion("liar", "outlier"),)


def test_many_marks_take_one_query_and_one_round_trip(markets: int) -> None:
    symbols = [market.symbol for market in selectors.open_markets()]
    with CaptureQueriesContext(connection) as first:
        selectors.mark_prices(symbols)
    with CaptureQueriesContext(connection) as second:
        selectors.mark_prices(symbols)
    assert (len(first), len(second)) == (1, 0)
