"""`/feeds` tells admins how prices come in, and tells nobody else anything."""

import datetime as dt
from typing import Any

import pytest
from pytest_django import Settings

from feeds.models import ConsensusLoss, Market
from feeds.source_status import record_failure, record_success
from feeds.sources.base import SourceError
from feeds.stream_status import StreamStatus, record_stream
from tests.factories import make_market
from tests.feeds.quotes import quote
from tests.trading.people import Person
from trading.telegram import menu
from trading.telegram.admin_commands import REFUSAL
from trading.telegram.admins import admin_ids
from vanta import clock

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ages are exact: no time passes."""
    now_ms = clock.now_ms()
    monkeypatch.setattr(clock, "now_ms", lambda: now_ms)


@pytest.fixture
def admin(ada: Person, settings: Settings) -> Person:
    settings.ADMIN_USER_IDS = [ada.id]
    return ada


def fail(name: str, times: int, error: str = "HTTP 500", *, longest_pause_s: int = 60) -> None:
    for _ in range(times):
        record_failure(name, error=SourceError(error), latency_ms=7, longest_pause_s=longest_pause_s)


def succeed(name: str, count: int = 1, *, asked: int = 1) -> None:
    record_success(name, latency_ms=24, quotes=[quote()] * count, asked=asked)


def lines_of(shown: str, name: str) -> str:
    """The paragraph that begins with the name."""
    (found,) = [part for part in shown.split("\n\n") if f"<b>{name}</b>" in part]
    return found


@pytest.mark.parametrize("typed", ["/feeds", "/feeds now", "/FEEDS"])
def test_who_is_no_admin_is_refused_politely_and_learns_nothing(ada: Person, eth: Market, typed: str) -> None:
    assert ada.answer(typed) == REFUSAL


@pytest.mark.parametrize("ids", ["ADMIN_USER_IDS", "SUPER_ADMIN_IDS"])
def test_admins_and_super_admins_are_answered(ada: Person, settings: Settings, ids: str) -> None:
    setattr(settings, ids, [ada.id, 5])
    assert "📡 <b>Feeds</b>" in ada.answer("/feeds")


def test_an_admin_in_both_lists_is_one_admin(settings: Settings) -> None:
    settings.ADMIN_USER_IDS, settings.SUPER_ADMIN_IDS = [7, 5], [5, 9]
    assert admin_ids() == [5, 7, 9]


def test_help_lists_it_for_admins_only_and_the_menu_for_nobody(admin: Person, grace: Person) -> None:
    assert "/feeds" in admin.answer("/help")
    assert "/feeds" not in grace.answer("/help")
    assert "feeds" not in menu.MENU


def test_it_is_suggested_to_admins_only(admin: Person, grace: Person) -> None:
    assert "Did you mean /feeds?" in admin.answer("/feds")
    assert "feeds" not in grace.answer("/feds")
    assert "Did you mean /help?" in grace.answer("/hlep")


def test_a_source_that_works_tells_its_figures(admin: Person, eth: Market) -> None:
    succeed("avantis", 28, asked=30)
    told = lines_of(admin.answer("/feeds"), "avantis")
    assert told.startswith("🟢 <b>avantis</b>  ok\nsuccess 0.0 s ago · newest quote ")
    assert told.endswith("24 ms · 28 of 30 quotes")


@pytest.mark.parametrize(
    ("failures", "pause_s", "told"),
    [
        (0, 0, "⚪ <b>coingecko</b>  never heard"),
        (3, 60, "🟠 <b>coingecko</b>  failing · 3 failures in a row"),
        (5, 60, "🔴 <b>coingecko</b>  circuit open · 5 failures in a row · asked again in 1.0 s"),
        (5, 0, "🟠 <b>coingecko</b>  circuit probing · 5 failures in a row"),
    ],
)
def test_a_source_that_does_not_tells_its_condition(
    admin: Person, eth: Market, failures: int, pause_s: int, told: str
) -> None:
    fail("coingecko", failures, longest_pause_s=pause_s)
    shown = lines_of(admin.answer("/feeds"), "coingecko")
    assert shown.splitlines()[0] == told
    assert ("last error <code>HTTP 500</code>, 0.0 s ago" in shown) is bool(failures)


def test_the_last_error_is_shown_as_it_is_and_not_at_any_length(admin: Person, eth: Market) -> None:
    fail("avantis", 1, "<b>&" * 100)
    assert "&lt;b&gt;&amp;" in lines_of(admin.answer("/feeds"), "avantis")


@pytest.mark.parametrize(
    ("stream", "told"),
    [
        (None, "🔴 <b>Stream</b>  no streamer leads"),
        ({"state": "streaming", "last_price_ms": 0, "markets": 3}, "🟢 <b>Stream</b>  streaming for 2 min"),
        (
            {"state": "restarting", "last_price_ms": -9000, "failures": 4, "last_error": "silent"},
            "🔴 <b>Stream</b>  restarting for 2 min · price 9.0 s ago · 0 markets · 4 failures in a row",
        ),
    ],
)
def test_the_stream_tells_who_leads_and_how_it_is(
    admin: Person, eth: Market, stream: dict[str, Any] | None, told: str
) -> None:
    if stream is not None:
        now_ms = clock.now_ms()
        known = {**stream, "last_price_ms": now_ms + stream["last_price_ms"]}
        record_stream(StreamStatus("here:<1>", since_ms=now_ms - 120_000, **known))
    shown = lines_of(admin.answer("/feeds"), "Stream")
    assert shown.startswith(told)
    assert ("leader <code>here:&lt;1&gt;</code>" in shown) is (stream is not None)
    assert ("last error <code>silent</code>" in shown) is ("restarting" in shown)


def test_markets_without_a_price_are_named_by_reason(admin: Person, eth: Market) -> None:
    for number in range(9):
        make_market(f"COIN{number}/USD")
    shown = admin.answer("/feeds")
    assert "1 of 10 open markets have a price, the oldest 0.0 s old" in shown
    assert "no source has sent a price: COIN0/USD, COIN1/USD" in shown
    assert "COIN5/USD and 3 more" in shown


def test_losses_of_the_last_day_are_counted(admin: Person, eth: Market) -> None:
    assert "No market lost its price in the last 24 h." in admin.answer("/feeds")
    began = clock.now() - dt.timedelta(hours=3)
    ConsensusLoss.objects.create(price_symbol="BTC/USD", reason="vetoed", began_at=began)
    ConsensusLoss.objects.create(price_symbol="ETH/USD", reason="vetoed", began_at=began, ended_at=clock.now())
    shown = admin.answer("/feeds")
    assert "Prices lost in the last 24 h: <b>2</b>, the longest for 3 h" in shown
    assert "Still lost: BTC/USD" in shown


def test_without_redis_it_answers_and_says_so(admin: Person, eth: Market, redis_down: None) -> None:
    shown = admin.answer("/feeds")
    assert "🔴 nothing can be opened" in shown
    assert "Redis does not answer" in shown
    assert "streamer" not in shown


def test_everything_at_its_worst_still_fits_a_message(admin: Person, eth: Market) -> None:
    for name in ("avantis", "chainlink", "coingecko"):
        fail(name, 9, "&" * 300)
    record_stream(StreamStatus("&" * 300, "restarting", since_ms=1, failures=9, last_error="<" * 300))
    for number in range(60):
        symbol = f"{'&' * 20}{number:02}/{'<' * 16}"
        make_market(symbol)
        ConsensusLoss.objects.create(
            price_symbol=symbol, reason="no_quotes", began_at=clock.now() - dt.timedelta(days=9)
        )
    assert "and 54 more" in admin.answer("/feeds")  # checked for Telegram's limits
