"""What the stream says is turned into quotes exactly, with the frame's own time; nonsense is left out."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.sources.avantis import AvantisSource
from feeds.sources.base import MarketRef
from feeds.sources.lazer import MAX_AGE_MS, SOURCE, UPSTREAM, WEIGHT, FrameReader

ETH, BTC = MarketRef("ETH/USD", 0, None, 2), MarketRef("BTC/USD", 1, None, 1)
AT_US = "1790000000123456"
ENTRY: dict[str, Any] = {
    "priceFeedId": 2,
    "price": "300012345678",
    "exponent": -8,
    "bestBidPrice": "300000000000",
    "bestAskPrice": "300020000000",
}


def read(*entries: Any, stamp: Any = AT_US) -> list[Any]:
    return FrameReader([ETH, BTC]).quotes({"timestampUs": stamp, "priceFeeds": list(entries)})


def test_prices_are_made_of_the_raw_integer_and_the_exponent() -> None:
    (quote,) = read(ENTRY)
    assert (quote.market, quote.price) == ("ETH/USD", Decimal("3000.12345678"))
    assert (quote.bid, quote.ask) == (Decimal(3000), Decimal("3000.2"))
    assert quote.timestamp_ms == 1_790_000_000_123


def test_the_stream_and_the_pull_are_one_source() -> None:
    (quote,) = read(ENTRY)
    pull = AvantisSource
    assert (quote.source, quote.upstream, quote.weight, quote.max_age_ms) == (
        pull.name,
        pull.upstream,
        pull.weight,
        pull.max_age_ms,
    )
    assert (pull.name, pull.upstream, pull.weight, pull.max_age_ms) == (SOURCE, UPSTREAM, WEIGHT, MAX_AGE_MS)


def test_markets_of_one_feed_each_have_a_quote() -> None:
    twins = FrameReader([ETH, MarketRef("WETH/USD", 7, None, 2)])
    assert twins.feed_ids == [2]
    quotes = twins.quotes({"timestampUs": AT_US, "priceFeeds": [ENTRY]})
    assert [quote.market for quote in quotes] == ["ETH/USD", "WETH/USD"]


@pytest.mark.parametrize(
    "changes",
    [
        {"priceFeedId": 999},
        {"priceFeedId": "2"},
        {"price": None},
        {"price": "0"},
        {"price": "-5"},
        {"price": "1.5"},
        {"price": "NaN"},
        {"exponent": None},
        {"exponent": "-8"},
        {"exponent": -400},
    ],
    ids=str,
)
def test_an_entry_without_a_usable_price_hides_no_other(changes: dict[str, Any]) -> None:
    other = {**ENTRY, "priceFeedId": 1}
    assert [quote.market for quote in read({**ENTRY, **changes}, other, "nonsense", None)] == ["BTC/USD"]


@pytest.mark.parametrize(
    "changes", [{"bestBidPrice": None}, {"bestAskPrice": "x"}, {"bestBidPrice": "999999999999"}], ids=str
)
def test_sides_that_make_no_sense_leave_the_price_alone(changes: dict[str, Any]) -> None:
    (quote,) = read({**ENTRY, **changes})
    assert (quote.price, quote.bid, quote.ask) == (Decimal("3000.12345678"), None, None)


@pytest.mark.parametrize("stamp", [None, "", "0", "-1", "soon", 1.5, True, "9" * 19])
def test_a_frame_without_a_time_of_its_own_proves_nothing(stamp: Any) -> None:
    assert read(ENTRY, stamp=stamp) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*ENTRY, "x"]), inner, max_size=4),
    max_leaves=12,
)


@given(JSON, JSON)
def test_no_nonsense_is_an_exception(frame: Any, entries: Any) -> None:
    reader = FrameReader([ETH])
    assert reader.quotes(frame) == []
    assert isinstance(reader.quotes({"timestampUs": AT_US, "priceFeeds": entries}), list)
    assert isinstance(reader.quotes({"timestampUs": AT_US, "priceFeeds": [entries]}), list)
