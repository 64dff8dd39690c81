"""What `/price` and `/markets` tell: where a price comes from, when a market trades, what it costs."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from feeds.consensus import Quote
from feeds.models import Market
from feeds.quote_store import write_quotes
from feeds.stream_status import StreamStatus, record_stream
from tests.factories import make_market
from tests.trading.conftest import SetPrice
from tests.trading.people import Person, buttons, words
from trading.telegram import price_words
from vanta import clock

pytestmark = pytest.mark.django_db
D = Decimal
NOW = dt.datetime(2026, 11, 25, 12, 0, tzinfo=dt.UTC)  # a Wednesday


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ages are exact: no time passes."""
    now_ms = clock.now_ms()
    monkeypatch.setattr(clock, "now_ms", lambda: now_ms)


def hear(symbol: str, price: object, source: str, *, age_ms: int = 400, **terms: Any) -> None:
    at_ms = clock.now_ms() - age_ms
    known = {"upstream": source, "weight": D(1), "max_age_ms": 120_000, **terms}
    write_quotes(
        [Quote(market=symbol, source=source, price=D(str(price)), timestamp_ms=at_ms, received_at_ms=at_ms, **known)]
    )


def line_of(shown: str, name: str) -> str:
    (line,) = [line for line in shown.splitlines() if f"<b>{name}</b>" in line or f"<code>{name}" in line]
    return line


def test_a_price_comes_with_its_uncertainty_its_age_and_every_source(ada: Person, eth: Market) -> None:
    hear("ETH/USD", "2998.5", "coingecko", age_ms=38_000)
    hear("ETH/USD", "2000", "chainlink", age_ms=200_000)
    shown = ada.answer("/price eth")
    assert "<b>3,000.00</b>  ± 0.0" in shown
    assert "🟢" in line_of(shown, "avantis")
    assert "3,000.00 · 0.0 s · 0.00 % · vouches" in line_of(shown, "avantis")
    assert "2,998.50 · 38.0 s · −0.05 % · older, may veto" in line_of(shown, "coingecko")
    assert "left out: far too old" in line_of(shown, "chainlink")
    assert "distance from the mark" in shown


def test_an_old_price_is_shown_as_such(ada: Person, eth: Market, price: SetPrice, last_known: SetPrice) -> None:
    price("ETH/USD", "3000", age_ms=30_000)
    last_known("ETH/USD", "2990")
    shown = ada.answer("/price eth")
    assert "No price can be trusted</b> right now: every price that came is too old." in shown
    assert "Last known <b>2,990.00</b>" in shown
    assert "may close, never open" in shown
    assert "+0.33 %" in line_of(shown, "avantis")
    assert "distance from the last known price" in shown


def test_a_veto_is_told_in_words_with_who_vetoes(ada: Person, eth: Market) -> None:
    hear("ETH/USD", "2900", "coingecko", age_ms=20_000)
    shown = ada.answer("/price eth")
    assert "an independent source contradicts the price" in shown
    assert "There is no last known price either." in shown
    assert line_of(shown, "coingecko").startswith("⛔")
    assert "−3.33 % · vetoes the price" in line_of(shown, "coingecko")
    assert "distance from the fresh price" in shown


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (None, "The live stream is down (nobody reads it)."),
        ({"state": "restarting", "last_error": "silent"}, "The live stream is down (restarting: silent)."),
        ({"state": "restarting", "last_error": "<b>&"}, "(restarting: &lt;b&gt;&amp;)"),
        ({"state": "connecting"}, "(connecting: no price yet)"),
        ({"state": "streaming", "last_price_ms": 10**14}, ""),
    ],
)
def test_the_stream_is_mentioned_when_it_does_not_flow(
    ada: Person, eth: Market, status: dict[str, Any] | None, told: str
) -> None:
    if status is not None:
        record_stream(StreamStatus("here:1", since_ms=1, **status))
    shown = ada.answer("/price eth")
    assert told in shown
    assert ("live stream" in shown) is bool(told)


def test_the_price_of_an_upside_pair_names_whose_it_is(ada: Person, eth_upside: Market) -> None:
    shown = ada.answer("/price eth upside")
    assert "price of ETH/USD" in ada.answer("/price ETH_UPSIDE")
    assert "3,000.00" in shown


def test_without_redis_a_price_is_the_last_known_one(
    ada: Person, eth: Market, last_known: SetPrice, redis_down: None
) -> None:
    last_known("ETH/USD", "2990")
    shown = ada.answer("/price eth")
    assert "the sources cannot be read" in shown
    assert "2,990.00" in shown
    assert "stream" not in shown


@pytest.mark.parametrize("said", ["1E+14", "1E-17", "0.00000001"])
def test_a_price_of_any_size_is_shown(ada: Person, said: str) -> None:
    make_market("ODD/USD")
    hear("ODD/USD", said, "avantis", upstream="pyth")
    assert "vouches" in ada.answer("/price ODD")


@pytest.mark.parametrize("said", ["NaN", "1E+999999", "-5", "0", "Infinity", "sNaN"])
def test_what_is_no_price_is_left_out_and_not_shown(ada: Person, eth: Market, said: str) -> None:
    hear("ETH/USD", said, "coingecko")
    assert line_of(ada.answer("/price eth"), "coingecko") == "⚪ <b>coingecko</b> — · 0.4 s · left out: not a price"


# What /markets tells


@pytest.fixture
def markets(eth: Market) -> None:
    make_market("BTC/USD")
    make_market("EUR/USD", group_index=2, group_name="FOREX", max_leverage=D(100))


def test_markets_are_listed_by_group_and_can_be_narrowed(ada: Person, markets: None) -> None:
    everything, forex = ada.answer("/markets"), ada.answer("/markets forex")
    assert "<code>ETH " in everything
    assert "<b>FOREX</b>" in everything
    assert "<code>EUR" in forex
    assert "up to 100x" in line_of(forex, "EUR")
    assert "<code>ETH " not in forex
    assert "No market matches" in ada.answer("/markets unobtainium")


def test_groups_have_buttons_that_show_them_alone(ada: Person, markets: None) -> None:
    assert buttons(ada.types("/markets")) == {"CRYPTO1": "markets:0:#0", "FOREX": "markets:0:#2"}
    forex = ada.taps("markets:0:#2")
    assert "<code>EUR" in words(forex)
    assert "<code>ETH " not in words(forex)
    assert buttons(forex) == {"All": "markets:0:", "CRYPTO1": "markets:0:#0"}
    assert "<code>ETH " in words(ada.taps("markets:0:"))
    assert buttons(ada.types("/markets unobtainium")) == {"CRYPTO1": "markets:0:#0", "FOREX": "markets:0:#2"}


def test_one_group_needs_no_buttons(ada: Person, eth: Market) -> None:
    assert buttons(ada.types("/markets")) == {}


def test_a_long_list_of_markets_is_turned_by_buttons(ada: Person) -> None:
    for number in range(60):
        make_market(f"COIN{number:02}/USD")
    first = ada.types("/markets")
    assert "page 1 of 3" in words(first)
    assert buttons(first) == {"More ▶️": "markets:1:"}
    second = ada.taps("markets:1:")
    assert "page 2 of 3" in words(second)
    assert set(buttons(second)) == {"◀️ Back", "More ▶️"}
    assert "page 3 of 3" in words(ada.taps("markets:99:"))


@pytest.mark.parametrize(
    ("hours", "told"),
    [
        ({"next_close_at": NOW + dt.timedelta(days=2, hours=9)}, "closes Fri 27 Nov 21:00"),
        ({}, "open"),
        ({"next_close_at": NOW - dt.timedelta(hours=1)}, "⏸ closed"),
        ({"is_open": False, "next_open_at": NOW + dt.timedelta(days=4, hours=10)}, "⏸ closed, opens Sun 29 Nov 22:00"),
        ({"is_open": False}, "⏸ closed"),
        ({"is_open": False, "next_open_at": NOW - dt.timedelta(minutes=1)}, "open"),
        ({"is_close_only": True}, "closing only"),
    ],
)
def test_a_market_with_hours_says_when_they_turn(
    ada: Person, monkeypatch: pytest.MonkeyPatch, hours: dict[str, Any], told: str
) -> None:
    make_market("EUR/USD", group_index=2, group_name="FOREX", **hours)
    monkeypatch.setattr(clock, "now", lambda: NOW)
    shown = ada.answer("/markets")
    assert line_of(shown, "EUR").endswith(f"up to 75x · {told}")
    assert ("Times are UTC" in shown) is (":" in told)


def test_a_market_that_never_closes_says_nothing_of_hours(ada: Person, eth: Market) -> None:
    shown = ada.answer("/markets")
    assert line_of(shown, "ETH") == "<code>ETH         </code> up to 75x"
    assert "UTC" not in shown
    assert "Funding" not in shown


@pytest.mark.parametrize(
    ("long", "short", "told"),
    [
        ("0.00001205382547771408", "-0.000008", "funding long +0.0012 %, short −0.0008 %"),
        ("0", "0.0125", "funding short +1.25 %"),
        ("-0.00000000000000000001", "0", "funding long −0.000000000000000001 %"),
        ("0.1", "0", "funding long +10 %"),
    ],
)
def test_funding_is_told_an_hour_with_the_venues_sign(ada: Person, long: str, short: str, told: str) -> None:
    make_market("ETH/USD", funding_rate_per_hour_long=D(long), funding_rate_per_hour_short=D(short))
    shown = ada.answer("/markets")
    assert line_of(shown, "ETH").endswith(told)
    assert "+ you pay, − you are paid" in shown


def test_the_longest_names_and_rates_fit_a_page(ada: Person) -> None:
    rate = D("123.45678901234567890123")
    for number in range(45):
        make_market(
            f"{'&' * 21}{number:02}/{'<' * 16}",
            group_index=2 if number % 2 else 3,
            group_name=f"{'&' * 37}{number % 2}",
            funding_rate_per_hour_long=-rate,
            funding_rate_per_hour_short=rate,
            next_close_at=clock.now() + dt.timedelta(days=3),
        )
    for page in range(3):  # each is checked for Telegram's limits
        assert f"page {page + 1} of 3" in words(ada.taps(f"markets:{page}:"))


@pytest.mark.parametrize("wanted", ["#", "#2", "#999999", "#٢", "#-1", "# 2", "##2", "🚀" * 40, "<b>", "%", "\u202e"])
def test_anything_can_be_asked_for_and_turned(ada: Person, markets: None, wanted: str) -> None:
    for owed in (ada.types(f"/markets {wanted}"), ada.taps(f"markets:0:{wanted}")):
        assert words(owed)
        assert all(len(data.encode()) <= 64 for data in buttons(owed).values())


def test_a_group_without_a_name_has_a_button_all_the_same(ada: Person, eth: Market) -> None:
    make_market("OIL/USD", group_index=3, group_name="  ")
    assert buttons(ada.types("/markets"))["Group 3"] == "markets:0:#3"


@pytest.mark.parametrize(
    ("milliseconds", "told"),
    [
        (0, "0.0 s"),
        (700, "0.7 s"),
        (119_999, "120.0 s"),
        (120_000, "2 min"),
        (7_199_999, "119 min"),
        (7_200_000, "2 h"),
        (172_800_000, "2 d"),
        (-2500, "2.5 s ahead"),
    ],
)
def test_ages_are_told_in_the_unit_that_fits(milliseconds: int, told: str) -> None:
    assert price_words.age(milliseconds) == told


@pytest.mark.parametrize(
    ("fraction", "told"),
    [
        (None, ""),
        (D(0), "0.00 %"),
        (D("0.0004"), "+0.04 %"),
        (D("-0.0004"), "−0.04 %"),
        (D("0.00001"), "0.00 %"),
        (D("1e30"), "more than 1,000 % off"),
    ],
)
def test_distances_have_a_sign_and_an_end(fraction: Decimal | None, told: str) -> None:
    assert price_words.distance(fraction) == told
