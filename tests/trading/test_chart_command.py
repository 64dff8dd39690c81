"""Asking for a chart: how it is typed, what is owed for it, what its buttons do."""

import os
import subprocess
import sys
from typing import Any

import pytest

from feeds.models import Market, Resolution
from tests.factories import make_market, make_position
from tests.trading.charting import make_candles
from tests.trading.owed import make_due
from tests.trading.people import Person, buttons, toast, words
from trading.models import OutboxMessage
from trading.telegram.chart_request import ChartRequest, parse_chart
from trading.telegram.numbers import Mistake

pytestmark = pytest.mark.django_db


@pytest.fixture
def candles(eth: Market) -> None:
    for resolution in Resolution:
        make_candles(resolution=resolution, count=3)


def chart_of(owed: list[OutboxMessage]) -> dict[str, Any]:
    """What the only chart among the owed rows is to show."""
    (row,) = [row for row in owed if row.method == "chart"]
    return dict(row.payload)


@pytest.mark.parametrize(
    ("typed", "resolution"),
    [
        ("/chart eth", "1h"),
        ("/chart ETH 1h", "1h"),
        ("/CHART Eth 5M", "5m"),
        ("/chart 5m eth", "5m"),
        ("/chart eth/usd 1d", "1d"),
        ("/chart eth usd 1d", "1d"),
        ("/chart 1d eth-usd", "1d"),
        ("/chart ethusd 1m", "1m"),
        ("/chart eth 5 min", "5m"),
        ("/chart eth 60m", "1h"),
        ("/chart eth 24H", "1d"),
        ("/chart eth daily", "1d"),
        ("/chart eth m5", "5m"),
        ("/chart eth H1", "1h"),
        ("/chart eth hour", "1h"),
        ("/chart eth 1h 60min", "1h"),
        ("/chart@vanta_bot eth 1m", "1m"),
    ],
)
def test_a_chart_is_asked_for_in_the_ways_that_people_write(
    ada: Person, candles: None, typed: str, resolution: str
) -> None:
    (row,) = ada.types(typed)
    wanted = {"market": "ETH/USD", "resolution": resolution, "theme": "dark", "trader": ada.trader.pk}
    assert (row.method, row.chat_id, row.payload) == ("chart", ada.id, wanted)


@pytest.mark.parametrize("typed", ["/chart eth light", "/chart LIGHT 1h eth"])
def test_a_light_picture_can_be_asked_for_and_stays_light(ada: Person, candles: None, typed: str) -> None:
    owed = ada.types(typed)
    assert chart_of(owed)["theme"] == "light"
    market = Market.objects.get()
    assert chart_of(ada.taps(f"chart:{market.pk}:5m:light"))["theme"] == "light"


@pytest.mark.parametrize(
    ("typed", "parts"),
    [
        ("/chart", ["Which market?", "/chart ETH 1h"]),
        ("/chart 5m", ["Understood: <code>5m</code>", "Which market?"]),
        ("/chart eth 2h", ["Understood: <code>eth</code>", "<code>2h</code>: Charts come as", "/chart ETH 1h"]),
        ("/chart 1w eth", ["<code>1w</code>: Charts come as <code>1m</code>"]),
        ("/chart eth 0m", ["<code>0m</code>: Charts come as"]),
        ("/chart eth 9999y", ["<code>9999y</code>: Charts come as"]),
        ("/chart eth 1m 5m", ["Understood: <code>eth</code> · <code>1m</code>", "two resolutions"]),
        ("/chart eth please", ["Understood: <code>ETH/USD</code>", "<code>please</code>: Charts come as"]),
        ("/chart ethx 5m", ["no market <code>ethx</code>", "<code>/chart ETH/USD 5m</code>"]),
        ("/chart 5m ethx", ["no market <code>ethx</code>", "<code>/chart ETH/USD 5m</code>"]),
        ("/chart Narnia", ["no market <code>Narnia</code>", "/markets", "/chart ETH 1h"]),
        ("/chart <b>eth</b> 1h", ["no market <code>&lt;b&gt;eth&lt;/b&gt;</code>"]),
        ("/chart light", ["no market <code>light</code>"]),
        ("/chart ٥m", ["no market"]),
        ("/chart " + "x" * 4000, ["no market"]),
        ("/chart eth " + "9" * 4000 + "m", ["Charts come as"]),
        ("/chart " + "1m " * 1300, ["Which market?"]),
    ],
)
def test_every_mistake_is_answered_with_what_was_understood_and_an_example(
    ada: Person, candles: None, typed: str, parts: list[str]
) -> None:
    shown = ada.answer(typed)
    for part in parts:
        assert part in shown


@pytest.mark.parametrize(
    ("words", "problem"),
    [(("5m",), "missing_market"), (("ETH", "3h"), "not_a_resolution"), (("ETH", "1m", "1h"), "resolution_twice")],
)
def test_a_mistake_says_which_it_is(words: tuple[str, ...], problem: str) -> None:
    with pytest.raises(Mistake) as caught:
        parse_chart(words)
    assert caught.value.problem == problem


@pytest.mark.parametrize("market", ["1INCH/USD", "1000PEPE/USD"])
def test_a_market_that_begins_with_a_number_is_no_resolution(ada: Person, market: str) -> None:
    make_market(market)
    make_candles(market, count=2)
    assert chart_of(ada.types(f"/chart {market.removesuffix('/USD').lower()}"))["market"] == market


def test_an_upside_market_has_the_chart_of_its_base_market(ada: Person, eth_upside: Market, candles: None) -> None:
    assert chart_of(ada.types("/chart eth upside 5m"))["market"] == "ETH_UPSIDE/USD"


@pytest.mark.parametrize("count", [0, 1])
def test_without_two_candles_the_answer_is_that_history_is_being_gathered(ada: Person, eth: Market, count: int) -> None:
    make_candles(count=count)
    assert "still being gathered: there are not two 1h candles" in ada.answer("/chart eth")
    owed = ada.taps(f"chart:{eth.pk}:1h")
    assert "still being gathered" in toast(owed)
    assert len(owed) == 1


def test_a_tap_is_answered_first_and_changes_the_tapped_message(ada: Person, eth: Market, candles: None) -> None:
    owed = ada.taps(f"chart:{eth.pk}:5m", message_id=99)
    assert [row.method for row in owed] == ["answerCallbackQuery", "chart"]
    assert toast(owed) == ""
    wanted = ChartRequest("ETH/USD", Resolution.FIVE_MINUTES, "dark", ada.trader.pk, 99)
    assert ChartRequest.from_payload(chart_of(owed)) == wanted


def test_a_tap_on_a_message_too_old_to_be_shown_asks_for_a_new_one(ada: Person, eth: Market, candles: None) -> None:
    update = ada.tap_update(f"chart:{eth.pk}:5m")
    del update["callback_query"]["message"]
    assert "message_id" not in chart_of(ada._handled(update))


def test_a_positions_card_leads_to_a_chart_of_its_own(ada: Person, eth: Market, candles: None) -> None:
    ada.types("/start")
    make_position(trader=ada.trader, market=eth)
    data = buttons(ada.types("/positions"))["📈 Chart"]
    owed = ada.taps(data, message_id=99)
    assert [row.method for row in owed] == ["answerCallbackQuery", "chart"]
    assert chart_of(owed) == {"market": "ETH/USD", "resolution": "1h", "theme": "dark", "trader": ada.trader.pk}


def test_of_many_taps_that_wait_only_the_last_is_drawn(ada: Person, eth: Market, candles: None) -> None:
    first = ada.types("/chart eth")[0]
    tapped = [ada.taps(f"chart:{eth.pk}:{label}", message_id=99)[1] for label in ("5m", "1d", "1m")]
    other = ada.taps(f"chart:{eth.pk}:1h", message_id=98)[1]
    rows = [first, *tapped, other]
    for row in rows:
        row.refresh_from_db()
    assert [row.status for row in rows] == ["pending", "superseded", "superseded", "pending", "pending"]


def test_a_picture_that_is_being_sent_is_not_overtaken(ada: Person, eth: Market, candles: None) -> None:
    sent = ada.taps(f"chart:{eth.pk}:5m", message_id=99)[1]
    make_due()
    OutboxMessage.objects.filter(pk=sent.pk).update(next_attempt_at="2099-01-01T00:00Z")
    ada.taps(f"chart:{eth.pk}:1d", message_id=99)
    sent.refresh_from_db()
    assert sent.status == "pending"


@pytest.mark.parametrize(
    "argument",
    ["", ":", "x", "1:2h", "1:1h:pink", "1:1h:light:more", "-1:1h", "9" * 30, "1:" + "h" * 50, "٣:1h", "1:<b>:light"],
    ids=ascii,
)
def test_garbage_on_a_button_owes_no_picture(ada: Person, eth: Market, candles: None, argument: str) -> None:
    owed = ada.taps(f"chart:{argument}")
    assert [row.method for row in owed] == ["answerCallbackQuery"]
    assert toast(owed)


@pytest.mark.parametrize("number", ["999999", "9" * 18])
def test_the_chart_of_a_market_that_is_gone_is_answered(ada: Person, candles: None, number: str) -> None:
    assert toast(ada.taps(f"chart:{number}:1h")) == "This market is gone."


def test_the_menu_and_the_help_know_charts(ada: Person) -> None:
    assert "/chart" in words(ada.types("/help"))


@pytest.mark.parametrize("module", ["vanta.wsgi", "vanta.urls", "trading.dispatcher"])
def test_only_those_who_draw_load_the_drawing(module: str) -> None:
    script = f"import django, sys; django.setup(); import {module}; print('PIL' in sys.modules)"
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": os.environ.get("DJANGO_SETTINGS_MODULE", "vanta.settings")}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.strip() == "False"
