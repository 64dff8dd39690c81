"""Charts on their way: drawn when sent, changed by taps, retried or given up; against a real Bot API process."""

import asyncio
import datetime as dt
import re
from typing import Any

import pytest
from PIL import Image
from telegram import Bot
from telegram.error import BadRequest

from feeds.models import Candle, Market, Resolution
from risk import trading_state
from risk.trading_state import TradingState
from tests.factories import make_market, make_message, make_position
from tests.trading.bot_api import BotApi
from tests.trading.charting import D, make_candles, opened
from tests.trading.conftest import SetPrice
from tests.trading.owed import make_due, owe, state, waits_s
from tests.trading.people import Person
from trading.models import OutboxMessage
from trading.telegram import chart_cards, delivery
from trading.telegram.chart_request import ChartRequest
from trading.telegram.pictures.chart import Chart, LevelKind
from trading.telegram.pictures.drawing import draw
from vanta import clock

pytestmark = pytest.mark.django_db
LABELS = ["1m", "5m", "1h", "1d", "🔄"]


@pytest.fixture(autouse=True)
def candles(eth: Market) -> None:
    for resolution in Resolution:
        make_candles(resolution=resolution, closes=(2950, 3010, 2980, 3000))


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Chart]:
    """The charts that are drawn."""
    found: list[Chart] = []

    def draw_and_tell(chart: Chart, *theme: Any) -> bytes:
        found.append(chart)
        return draw(chart, *theme)

    monkeypatch.setattr(chart_cards, "draw", draw_and_tell)
    return found


def picture(api: BotApi, message: dict[str, Any]) -> Image.Image:
    """The message's photo. Raises where it is no PNG."""
    assert message["file"]["kind"] == "photo"
    return opened(api.client.get(message["file"]["url"]).raise_for_status().content)


def arrived(api: BotApi, person: Person, typed: str) -> dict[str, Any]:
    """The last message of the chat, after the person typed this."""
    person.types(typed)
    delivery.drain()
    return api.messages(person.id)[-1]


def edit_of(person: Person, message_id: int, resolution: Resolution = Resolution.HOUR) -> OutboxMessage:
    person.types("/start")
    request = ChartRequest("ETH/USD", resolution, "dark", person.trader.pk, message_id)
    return make_message(chat_id=person.id, method="chart", payload=request.payload())


def test_a_chart_arrives_as_a_picture_with_a_caption_and_buttons(api: BotApi, ada: Person, eth: Market) -> None:
    message = arrived(api, ada, "/chart eth")
    assert picture(api, message).size == (1280, 720)
    assert re.fullmatch(
        r"📈 ETH/USD · 1h\n3,000\.00  ± 0\.\d{3} %\n▲ 1\.69 % in 5 days",
        message["text"],
    )
    keys = message["keyboard"][0]
    assert [key["text"] for key in keys] == LABELS
    assert [key["callback_data"] for key in keys] == [f"chart:{eth.pk}:{r}" for r in ("1m", "5m", "1h", "1d", "1h")]


def test_a_tap_changes_the_picture_in_its_place(api: BotApi, ada: Person) -> None:
    before = arrived(api, ada, "/chart eth")
    ada.taps(before["keyboard"][0][1]["callback_data"], message_id=before["id"])
    delivery.drain()
    (after,) = api.messages(ada.id)
    assert (after["id"], after["edited"]) == (before["id"], True)
    assert "ETH/USD · 5m" in after["text"]
    assert picture(api, after).tobytes() != picture(api, before).tobytes()
    assert [key["text"] for key in after["keyboard"][0]] == LABELS


def test_an_edit_whose_message_is_gone_becomes_a_new_picture(api: BotApi, ada: Person) -> None:
    row = edit_of(ada, 123_456)
    delivery.drain()
    assert state(row) == ("sent", 1)
    message = api.messages(ada.id)[-1]
    assert picture(api, message)
    assert message["id"] == row.telegram_message_id != 123_456


def test_a_picture_that_has_not_changed_counts_as_sent() -> None:
    class Unchanged(Bot):
        async def edit_message_media(self, *_: Any, **__: Any) -> Any:
            raise BadRequest("Message is not modified: specified new message content is exactly the same")

    arguments = {"chat_id": 1, "message_id": 2, "photo": b"png", "caption": "same", "parse_mode": "HTML"}
    assert asyncio.run(delivery._send(Unchanged("1:token"), "editMessageMedia", arguments)).status == "sent"


@pytest.mark.parametrize("method", ["sendPhoto", "editMessageMedia"])
def test_too_many_requests_wait_as_long_as_telegram_says(api: BotApi, ada: Person, method: str) -> None:
    row = ada.types("/chart eth")[0] if method == "sendPhoto" else edit_of(ada, arrived(api, ada, "/chart eth")["id"])
    api.fault("rate_limit", retry_after=7, count=1, match=method)
    delivery.drain()
    assert state(row) == ("pending", 1)
    assert 5 < waits_s(row) <= 7
    make_due()
    delivery.drain()
    assert state(row) == ("sent", 2)
    assert picture(api, api.messages(ada.id)[0])


@pytest.mark.parametrize("fault", [{"kind": "drop"}, {"kind": "status", "status": 502}])
def test_a_picture_that_fails_on_the_way_is_drawn_and_tried_again(
    api: BotApi, ada: Person, fault: dict[str, Any], drawn: list[Chart]
) -> None:
    (row,) = ada.types("/chart eth")
    api.fault(**fault, count=1)
    delivery.drain()
    assert state(row) == ("pending", 1)
    make_due()
    delivery.drain()
    assert state(row) == ("sent", 2)
    assert drawn[1].taken_at > drawn[0].taken_at


def test_a_defect_in_drawing_ends_only_this_chart_and_is_told(
    api: BotApi, ada: Person, grace: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(*_: Any) -> bytes:
        raise ZeroDivisionError

    (row,) = ada.types("/chart eth")
    owe(ada.id, "next")
    grace.types("/help")
    monkeypatch.setattr(chart_cards, "draw", break_down)
    trading_state.change(TradingState.HALTED, actor="test", reason="a test")
    delivery.drain()
    assert state(row) == ("dead", 1)
    assert api.texts(ada.id)[0] == "next"
    assert "The chart of ETH/USD could not be drawn. /price shows the price." in api.texts(ada.id)[1]
    assert api.texts(ada.id)[1].startswith("🔴 Trading is halted")
    assert "All commands" in api.texts(grace.id)[0]


def test_a_chart_of_a_market_that_is_gone_is_told_too(api: BotApi, ada: Person, eth: Market) -> None:
    row = edit_of(ada, 5)
    Market.objects.filter(pk=eth.pk).update(symbol="WETH/USD")
    delivery.drain()
    assert state(row) == ("dead", 1)
    assert "ETH/USD could not be drawn" in api.texts(ada.id)[-1]


def test_history_that_went_away_meanwhile_is_told_in_words(api: BotApi, ada: Person) -> None:
    row = edit_of(ada, 5)
    Candle.objects.all().delete()
    delivery.drain()
    assert state(row) == ("sent", 1)
    assert "still being gathered" in api.texts(ada.id)[-1]


def test_the_picture_shows_the_traders_own_levels_and_nobody_elses(
    api: BotApi, ada: Person, grace: Person, eth: Market, drawn: list[Chart]
) -> None:
    for person in (ada, grace):
        person.types("/start")
    held = make_position(trader=ada.trader, market=eth, stop_loss=D(2900), take_profit=D(3300))
    make_position(trader=ada.trader, market=make_market("BTC/USD"))
    make_position(trader=ada.trader, market=eth, status="closed", collateral_usd=0)
    make_position(trader=grace.trader, market=eth)
    arrived(api, ada, "/chart eth")
    (chart,) = drawn
    assert [(level.kind, level.price, level.name) for level in chart.levels] == [
        (LevelKind.ENTRY, held.entry_price, "Long 10x"),
        (LevelKind.LIQUIDATION, D(2745), "Liquidation"),
        (LevelKind.STOP, D(2900), "Stop"),
        (LevelKind.TAKE_PROFIT, D(3300), "Take-profit"),
    ]


def test_levels_of_several_positions_are_numbered_the_newest_first(
    api: BotApi, ada: Person, eth: Market, drawn: list[Chart]
) -> None:
    ada.types("/start")
    old, new = (make_position(trader=ada.trader, market=eth, side=side) for side in ("long", "short"))
    arrived(api, ada, "/chart eth")
    names = [f"Short 10x #{new.pk}", f"Liquidation #{new.pk}", f"Long 10x #{old.pk}", f"Liquidation #{old.pk}"]
    assert [level.name for level in drawn[0].levels] == names


def test_the_newest_hundred_and_twenty_candles_are_drawn(api: BotApi, ada: Person, drawn: list[Chart]) -> None:
    make_candles("BTC/USD", count=130)
    make_market("BTC/USD")
    arrived(api, ada, "/chart btc")
    assert len(drawn[0].bars) == 120
    assert drawn[0].bars[-1].start_at == Resolution.HOUR.start_of(clock.now())


def test_without_a_mark_the_last_known_is_shown_with_its_age(
    api: BotApi, ada: Person, price: SetPrice, last_known: SetPrice, drawn: list[Chart]
) -> None:
    price("ETH/USD", "3000", age_ms=60_000)
    last_known("ETH/USD", "2990")
    lines = arrived(api, ada, "/chart eth")["text"].splitlines()
    assert lines[1] == "⚠️ No price can be trusted right now: every price that came is too old."
    assert re.fullmatch(r"Last known 2,990\.00, \d+\.\d s old", lines[2])
    assert drawn[0].mark is not None
    assert not drawn[0].mark.is_current


def test_with_redis_down_and_nothing_known_the_candles_are_still_drawn(
    api: BotApi, ada: Person, redis_down: None, drawn: list[Chart]
) -> None:
    assert "No price is known" in arrived(api, ada, "/chart eth")["text"]
    assert drawn[0].mark is None


def test_a_closed_market_is_drawn_and_called_closed(
    api: BotApi, ada: Person, last_known: SetPrice, drawn: list[Chart]
) -> None:
    opens = clock.now() + dt.timedelta(hours=9)
    make_market("EUR/USD", group_index=2, is_open=False, next_open_at=opens)
    make_candles("EUR/USD", closes=("1.08", "1.09"), ended=dt.timedelta(hours=30))
    last_known("EUR/USD", "1.085")
    message = arrived(api, ada, "/chart eur")
    assert picture(api, message)
    assert f"⏸ The market is closed until {opens:%a %d %b %H:%M} UTC." in message["text"]
    assert "no candles since" not in message["text"]
    assert drawn[0].is_closed


def test_candles_that_are_missing_at_the_end_are_told(api: BotApi, ada: Person) -> None:
    make_market("BTC/USD")
    make_candles("BTC/USD", ended=dt.timedelta(hours=5))
    assert "⚠️ There are no candles since" in arrived(api, ada, "/chart btc")["text"]


def test_a_caption_carries_the_state_of_trading(api: BotApi, ada: Person) -> None:
    trading_state.change(TradingState.REDUCING, actor="test", reason="a test")
    assert arrived(api, ada, "/chart eth")["text"].startswith("🟠 Winding down: you can close, not open.\n\n📈")


def test_the_longest_caption_is_one_that_telegram_takes(
    api: BotApi, ada: Person, price: SetPrice, last_known: SetPrice
) -> None:
    name = "A" * 24 + "/USD"
    make_market(name)
    make_candles(name, closes=("999999999999999", "0.000000000000000001"), ended=dt.timedelta(days=300))
    last_known(name, "999999999999999.999")
    trading_state.change(TradingState.HALTED, actor="test", reason="a test")
    message = arrived(api, ada, f"/chart {name} 1h light")
    assert len(message["text"]) <= 1024
    assert picture(api, message)
