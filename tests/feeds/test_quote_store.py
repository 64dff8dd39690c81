"""What is kept of the quotes: the newest of each source, whoever writes it and however late."""

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from feeds.consensus import Quote
from feeds.quote_store import KEY_PREFIX, quote_times_ms, read_quotes, write_quotes
from tests.feeds.quotes import quote
from vanta import clock, redis

pytestmark = pytest.mark.django_db  # for an empty Redis


def aged(age_ms: int, price: str = "3000", **changes: Any) -> Quote:
    return replace(quote(price), timestamp_ms=clock.now_ms() - age_ms, received_at_ms=clock.now_ms(), **changes)


def stored_prices(symbol: str = "ETH/USD") -> dict[str, Decimal]:
    return {quote.source: quote.price for quote in read_quotes([symbol])[0]}


def test_quotes_come_back_as_they_were_written() -> None:
    written = [
        aged(200),
        aged(100, source="b", bid=Decimal("2999.1"), ask=Decimal("3000.9")),
        aged(50, market="BTC/USD"),
    ]
    assert write_quotes(written) == 3
    read = read_quotes(["ETH/USD", "BTC/USD", "SOL/USD"])
    assert [sorted(quotes, key=lambda quote: quote.source) for quotes in read] == [written[:2], written[2:], []]


def test_an_older_quote_never_takes_a_newer_one_s_place() -> None:
    write_quotes([aged(100, "3001")])
    assert write_quotes([aged(5000, "2900")]) == 0
    assert stored_prices() == {"avantis": Decimal(3001)}


def test_a_newer_quote_and_one_of_the_same_time_do() -> None:
    first = aged(1000, "3001")
    write_quotes([first])
    assert write_quotes([replace(first, price=Decimal(3002))]) == 1
    assert write_quotes([aged(10, "3003")]) == 1
    assert stored_prices() == {"avantis": Decimal(3003)}


def test_sources_and_markets_do_not_stand_in_each_other_s_way() -> None:
    write_quotes([aged(100, "3001")])
    write_quotes([aged(60_000, "3002", source="coingecko"), aged(60_000, "60000", market="BTC/USD")])
    assert stored_prices() == {"avantis": Decimal(3001), "coingecko": Decimal(3002)}
    assert stored_prices("BTC/USD") == {"avantis": Decimal(60_000)}


def test_a_quote_from_the_far_future_does_not_keep_the_next_ones_out() -> None:
    write_quotes([aged(-3_600_000, "9")])
    assert stored_prices() == {"avantis": Decimal(9)}  # seen, and refused by the consensus
    write_quotes([aged(100, "3000")])
    assert stored_prices() == {"avantis": Decimal(3000)}


def test_a_redis_that_has_lost_the_script_is_given_it_again() -> None:
    write_quotes([aged(100)])
    redis.client().script_flush()
    assert write_quotes([aged(50)]) == 1


@pytest.mark.parametrize("text", ["", "|", "5|", "x|{}", "{}", "5|null", json.dumps({"price": "1"})])
def test_what_is_no_quote_is_read_as_none_and_replaced(text: str) -> None:
    redis.client().hset(KEY_PREFIX + "ETH/USD", "avantis", text)
    assert read_quotes(["ETH/USD"]) == [[]]
    assert write_quotes([aged(100)]) == 1


def test_a_key_of_another_kind_is_made_anew() -> None:
    redis.client().set(KEY_PREFIX + "ETH/USD", "text")
    assert write_quotes([aged(100)]) == 1
    assert stored_prices() == {"avantis": Decimal(3000)}


def test_the_times_of_one_source_can_be_read_alone() -> None:
    mine, other = aged(100), aged(900, source="b", market="BTC/USD")
    write_quotes([mine, other])
    assert quote_times_ms("avantis", ["ETH/USD", "BTC/USD"]) == {"ETH/USD": mine.timestamp_ms}


def test_writing_nothing_asks_nobody(redis_down: None) -> None:
    assert write_quotes([]) == 0
