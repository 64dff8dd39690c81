"""What one source does that the others do not, and how strangers' JSON is read."""

from decimal import Decimal

import httpx
import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from feeds.catalogue import parse_catalogue
from feeds.sources import catalogue_source, price_source
from feeds.sources.base import MarketRef, SourceError
from feeds.sources.http import parse_json, read_integer, read_price, retry_after_s
from tests.feeds.conftest import Sandbox
from vanta import clock


def test_one_hanging_market_does_not_hold_back_the_venue_s_others(sandbox: Sandbox) -> None:
    sandbox.fault("feed", "hang", seconds=30, match="/pairs/1/")
    refs = [MarketRef("ETH/USD", 0), MarketRef("BTC/USD", 1), MarketRef("SOL/USD", 2)]
    assert {quote.market for quote in price_source("avantis").fetch(refs)} == {"ETH/USD", "SOL/USD"}


def test_one_market_s_odd_answer_does_not_discard_the_others(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    source = price_source("avantis")
    honest = source._quote  # type: ignore[attr-defined]

    def odd(market: MarketRef, answer: object) -> object:
        return 1 / 0 if market.symbol == "BTC/USD" else honest(market, answer)

    monkeypatch.setattr(source, "_quote", odd)
    refs = [MarketRef("ETH/USD", 0), MarketRef("BTC/USD", 1), MarketRef("SOL/USD", 2)]
    assert {quote.market for quote in source.fetch(refs)} == {"ETH/USD", "SOL/USD"}


def test_a_number_beyond_all_bounds_is_not_json() -> None:
    with pytest.raises(ValueError, match="beyond all bounds"):
        parse_json(b'{"price": 1e9999999999999999999}')


def test_the_venue_s_quotes_are_fresh_enough_to_vouch(sandbox: Sandbox) -> None:
    quote = price_source("avantis").fetch([MarketRef("ETH/USD", 0)])[0]
    assert 0 <= clock.now_ms() - quote.timestamp_ms < 5000


def test_coingecko_is_asked_once_for_all_coins(sandbox: Sandbox) -> None:
    before = sandbox.served("coingecko")
    refs = [MarketRef("ETH/USD", 0, "ethereum"), MarketRef("BTC/USD", 1, "bitcoin"), MarketRef("USD/JPY", 12)]
    assert {quote.market for quote in price_source("coingecko").fetch(refs)} == {"ETH/USD", "BTC/USD"}
    assert sandbox.served("coingecko") == before + 1


def test_the_sandbox_s_catalogue_is_read_whole(sandbox: Sandbox) -> None:
    catalogue = parse_catalogue(catalogue_source().fetch_snapshot(), refreshed_at=clock.now())
    markets = {market.symbol: market for market in catalogue.markets}
    assert catalogue.unreadable == ()
    assert (markets["ETH/USD"].max_leverage, markets["ETH_UPSIDE/USD"].max_leverage) == (Decimal(75), Decimal(500))


def test_a_catalogue_that_does_not_come_is_a_source_error(sandbox: Sandbox) -> None:
    sandbox.fault("data", "status", status=500)
    with pytest.raises(SourceError):
        catalogue_source().fetch_snapshot()


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, 60),
        ("5", 5),
        ("0", 0),
        ("99999999", 86_400),
        ("Fri, 20 Nov 2026 12:00:30 GMT", 31),
        ("Fri, 20 Nov 2026 11:00:00 GMT", 0),
        ("Fri, 31 Feb 2026 11:00:00 GMT", 60),
        ("soon", 60),
        ("²", 60),
        ("Fri, 20 Nov 99999999999999 12:00:30 GMT", 60),
        ("-3", 60),
        ("", 60),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: int) -> None:
    with time_machine.travel("2026-11-20T12:00:00Z", tick=False):
        assert retry_after_s(header, default_s=60) == seconds


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("3000.12", "3000.12"),
        ("1.2345678901234567e-05", "0.000012345678901235"),
        ("1e14", "1e14"),
        ('"3000"', "3000"),
        ("0", None),
        ("-1", None),
        ("1e16", None),
        ("1e-30", None),
        ("1e999999", None),
        ('"NaN"', None),
        ("true", None),
        ("null", None),
        ("[1]", None),
    ],
)
def test_a_price_is_exact_or_none(text: str, price: str | None) -> None:
    assert read_price(parse_json(text)) == (None if price is None else Decimal(price))


@pytest.mark.parametrize("body", [b"", b"NaN", b"[Infinity]", b"{", b"\xff\xfe", b"[" * 100_000, b"1" * 5000])
def test_what_is_not_json_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError):
        parse_json(body)


@given(st.none() | st.booleans() | st.floats() | st.decimals() | st.integers() | st.text() | st.lists(st.integers()))
def test_any_value_is_survived(value: object) -> None:
    assert read_price(value) is None or read_price(value) > 0  # type: ignore[operator]
    assert read_integer(value) is None or read_integer(value) > 0  # type: ignore[operator]


def test_the_key_of_coingecko_is_sent_in_the_header_of_its_plan(sandbox: Sandbox, settings: Settings) -> None:
    settings.COINGECKO_API_KEY = "demo-key"
    client: httpx.AsyncClient = price_source("coingecko")._client  # type: ignore[attr-defined]
    assert client.headers["x-cg-demo-api-key"] == "demo-key"
