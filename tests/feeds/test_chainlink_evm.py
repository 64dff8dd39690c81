"""Chainlink read from contracts on a real EVM."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import NamedTuple

import pytest
from pytest_django import Settings
from structlog.testing import capture_logs

from feeds.sources.base import MarketRef, SourceError
from feeds.sources.chainlink import ChainlinkSource, Round
from tests.evm.chain import Chain, Feed, require_evm
from tests.feeds.rounds import price_round, sequencer_round
from vanta import clock

ETH, BTC, EUR = MarketRef("ETH/USD", 0), MarketRef("BTC/USD", 1), MarketRef("EUR/USD", 11)
TOO_OLD_S = 1325  # the heartbeat, the margin, and a little


class Feeds(NamedTuple):
    """What is deployed: two prices and the sequencer, all of them good."""

    eth: Feed
    btc: Feed
    sequencer: Feed


@pytest.fixture(scope="module")
def chain() -> Iterator[Chain]:
    require_evm()
    running = Chain()
    yield running
    running.kill()


@pytest.fixture
def mortal_chain() -> Iterator[Chain]:
    """A test's own, to be killed."""
    require_evm()
    running = Chain()
    yield running
    running.kill()


def deploy(chain: Chain) -> Feeds:
    """Three good feeds; on a chain that was started anew, at the addresses they had before."""
    feeds = Feeds(chain.deploy("ETH / USD", 8), chain.deploy("BTC / USD", 8), chain.deploy("Uptime", 0))
    feeds.eth.set_round(price_round(3000_12345678))
    feeds.btc.set_round(price_round(60000_00000000))
    feeds.sequencer.set_round(sequencer_round())
    return feeds


@pytest.fixture
def feeds(chain: Chain) -> Feeds:
    return deploy(chain)


Opener = Callable[[str, Feeds], ChainlinkSource]


@pytest.fixture
def open_source(settings: Settings) -> Iterator[Opener]:
    """Makes sources that read `feeds` at `url`, and closes them."""
    opened: list[ChainlinkSource] = []

    def open_at(url: str, feeds: Feeds) -> ChainlinkSource:
        settings.BASE_RPC_URL = url
        addresses = {"ETH/USD": feeds.eth.address, "BTC/USD": feeds.btc.address}
        opened.append(ChainlinkSource(feeds=addresses, sequencer=feeds.sequencer.address))
        return opened[-1]

    yield open_at
    for source in opened:
        source.close()


@pytest.fixture
def source(open_source: Opener, chain: Chain, feeds: Feeds) -> ChainlinkSource:
    return open_source(chain.url, feeds)


def refusal(source: ChainlinkSource) -> str:
    """Why there is no price of ETH/USD."""
    with pytest.raises(SourceError) as caught:
        source.fetch([ETH])
    assert caught.value.retry_after_s is None
    return str(caught.value)


def test_a_price_is_exact_and_has_the_round_s_own_time(source: ChainlinkSource, feeds: Feeds) -> None:
    found = price_round(3123_45678901, age_s=700)
    feeds.eth.set_round(found)
    quotes = {quote.market: quote for quote in source.fetch([ETH, EUR, BTC])}
    assert set(quotes) == {"ETH/USD", "BTC/USD"}
    assert quotes["ETH/USD"].price == Decimal("3123.45678901")
    assert quotes["ETH/USD"].timestamp_ms == found.updated_at_s * 1000
    assert abs(quotes["ETH/USD"].received_at_ms - clock.now_ms()) < 5000


def test_a_feed_of_18_decimals_loses_none(chain: Chain, feeds: Feeds, open_source: Opener) -> None:
    fine = chain.deploy("ETH / USD", 18)
    fine.set_round(price_round(3000_123456789012345678))
    quote = open_source(chain.url, feeds._replace(eth=fine)).fetch([ETH])[0]
    assert quote.price == Decimal("3000.123456789012345678")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"answer": 0}, "not positive"),
        ({"answer": -1}, "not positive"),
        ({"answer": -(1 << 255)}, "not positive"),
        ({"answer": (1 << 255) - 1}, "no sensible price"),
        ({"updated_at_s": 0}, "incomplete"),
        ({"answered_in_round": 6}, "incomplete"),
    ],
)
def test_a_bad_round_is_refused_and_hides_no_other_feed(
    source: ChainlinkSource, feeds: Feeds, change: dict[str, int], reason: str
) -> None:
    feeds.eth.set_round(price_round(3000_00000000)._replace(**change))
    assert reason in refusal(source)
    assert [quote.market for quote in source.fetch([ETH, BTC])] == ["BTC/USD"]


def test_an_old_round_is_refused_until_a_new_one_comes(source: ChainlinkSource, feeds: Feeds) -> None:
    feeds.eth.set_round(price_round(3000_00000000, age_s=TOO_OLD_S))
    assert "too old" in refusal(source)
    feeds.eth.set_round(price_round(3001_00000000))
    assert source.fetch([ETH])[0].price == 3001


def test_a_feed_of_another_name_is_never_used_and_said_once(chain: Chain, feeds: Feeds, open_source: Opener) -> None:
    other = chain.deploy("ETH / EUR", 8)
    other.set_round(price_round(3000_00000000))
    source = open_source(chain.url, feeds._replace(eth=other))
    with capture_logs() as logs:
        for _ in range(3):
            assert [quote.market for quote in source.fetch([ETH, BTC])] == ["BTC/USD"]
        assert "another feed's" in refusal(source)
    assert [(entry["event"], entry["market"]) for entry in logs] == [("feed_refused", "ETH/USD")]


def test_an_address_without_a_contract_hides_no_other_feed(chain: Chain, feeds: Feeds, open_source: Opener) -> None:
    feeds.eth.address = "0x00000000000000000000000000000000DeaDBeef"
    source = open_source(chain.url, feeds)
    assert [quote.market for quote in source.fetch([ETH, BTC])] == ["BTC/USD"]


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (lambda: sequencer_round(is_down=True), "the sequencer is down"),
        (lambda: sequencer_round(is_down=True, for_s=5), "the sequencer is down"),
        (lambda: sequencer_round(for_s=3590), "until a short while ago"),
        (lambda: sequencer_round()._replace(updated_at_s=0), "the sequencer's round is incomplete"),
        (lambda: sequencer_round()._replace(answered_in_round=6), "the sequencer's round is incomplete"),
    ],
)
def test_no_feed_is_believed_without_a_sequencer_that_has_been_up_for_a_while(
    source: ChainlinkSource, feeds: Feeds, found: Callable[[], Round], reason: str
) -> None:
    feeds.sequencer.set_round(found())
    assert reason in refusal(source)
    feeds.sequencer.set_round(sequencer_round(for_s=3605))
    assert len(source.fetch([ETH, BTC])) == 2


def test_a_node_that_dies_in_the_middle_is_a_source_error_and_may_come_back(
    mortal_chain: Chain, open_source: Opener
) -> None:
    source = open_source(mortal_chain.url, deploy(mortal_chain))
    assert len(source.fetch([ETH, BTC])) == 2
    mortal_chain.pause()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(source.fetch, [ETH, BTC])
        mortal_chain.kill()
        with pytest.raises(SourceError):
            asked.result(source.timeout_s)
    refusal(source)
    mortal_chain.start()
    deploy(mortal_chain)
    assert len(source.fetch([ETH, BTC])) == 2


def test_a_node_that_stops_answering_is_given_up_in_time(mortal_chain: Chain, open_source: Opener) -> None:
    source = open_source(mortal_chain.url, deploy(mortal_chain))
    mortal_chain.pause()
    started = time.monotonic()
    refusal(source)
    assert time.monotonic() - started < source.timeout_s
