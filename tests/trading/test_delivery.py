"""The outbox: every message arrives, a chat's in order, or is kept as dead; against a real Bot API process."""

import datetime as dt
import io
import threading
from collections.abc import Iterator
from itertools import count

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from feeds.models import Market
from risk import trading_state
from risk.trading_state import TradingState
from tests.factories import make_message, make_order
from tests.trading.bot_api import BotApi, running_bot_api
from trading import outbox
from trading.models import Order, OutboxMessage
from trading.telegram import delivery
from trading.telegram.client import bot_loop
from trading.telegram.menu import MENU
from vanta import clock
from vanta.embedded.host import free_port

pytestmark = pytest.mark.django_db
_chats = count(9001)


@pytest.fixture(scope="module")
def process() -> Iterator[BotApi]:
    with running_bot_api() as api:
        yield api


@pytest.fixture
def api(process: BotApi, settings: Settings) -> Iterator[BotApi]:
    settings.TELEGRAM_API_BASE_URL = f"{process.url}/telegram/bot"
    bot_loop.cache_clear()
    yield process
    process.heal()
    bot_loop.cache_clear()


@pytest.fixture
def chat() -> int:
    return next(_chats)


def owe(chat_id: int, *texts: str) -> list[OutboxMessage]:
    return [make_message(chat_id=chat_id, payload={"text": text}) for text in texts]


def state(row: OutboxMessage) -> tuple[str, int]:
    row.refresh_from_db()
    return row.status, row.attempts


def make_due() -> None:
    """The waiting time of every row is over."""
    OutboxMessage.objects.filter(status="pending").update(next_attempt_at=clock.now() - dt.timedelta(seconds=1))


def waits_s(row: OutboxMessage) -> float:
    row.refresh_from_db()
    return (row.next_attempt_at - clock.now()).total_seconds()


def test_a_message_is_sent_once_and_its_id_is_kept(api: BotApi, chat: int) -> None:
    (row,) = owe(chat, "Hello")
    assert delivery.drain() == 1
    assert delivery.drain() == 0
    assert state(row) == ("sent", 1)
    (message,) = api.messages(chat)
    assert (message["text"], message["id"]) == ("Hello", row.telegram_message_id)
    assert row.sent_at is not None


def test_the_messages_of_a_chat_arrive_in_the_order_in_which_they_were_owed(api: BotApi, chat: int) -> None:
    texts = [f"number {number}" for number in range(12)]
    owe(chat, *texts)
    delivery.drain()
    assert api.texts(chat) == texts


def test_many_chats_are_served_at_once(api: BotApi) -> None:
    chats = [next(_chats) for _ in range(45)]
    for each in chats:
        owe(each, "first", "second")
    assert delivery.drain() == 90
    assert all(api.texts(each) == ["first", "second"] for each in chats)


def test_buttons_and_markup_arrive(api: BotApi, chat: int) -> None:
    keyboard = {"inline_keyboard": [[{"text": "✅ Confirm", "callback_data": "confirm:1"}]]}
    payload = {"text": "<b>bold</b> &lt;3", "parse_mode": "HTML", "reply_markup": keyboard}
    make_message(chat_id=chat, payload=payload)
    delivery.drain()
    (message,) = api.messages(chat)
    assert message["text"] == "bold <3"
    assert message["keyboard"][0][0]["callback_data"] == "confirm:1"


def test_too_many_requests_wait_as_long_as_telegram_says_and_nothing_overtakes(api: BotApi, chat: int) -> None:
    first, second = owe(chat, "first", "second")
    api.fault("rate_limit", retry_after=7, count=1)
    delivery.drain()
    assert state(first) == ("pending", 1)
    assert 5 < waits_s(first) <= 7
    assert delivery.drain() == 0
    assert api.texts(chat) == []
    make_due()
    delivery.drain()
    assert api.texts(chat) == ["first", "second"]
    assert state(second) == ("sent", 1)


def test_a_chat_that_waits_holds_up_no_other(api: BotApi, chat: int) -> None:
    waiting = owe(chat, "waits")[0]
    OutboxMessage.objects.filter(pk=waiting.pk).update(next_attempt_at=clock.now() + dt.timedelta(hours=1))
    other = next(_chats)
    owe(other, "goes on")
    delivery.drain()
    assert api.texts(other) == ["goes on"]
    assert api.texts(chat) == []


def test_a_chat_that_blocked_the_bot_gets_dead_letters_and_holds_up_no_other(api: BotApi, chat: int) -> None:
    api.block(chat)
    dead, other = owe(chat, "unwanted")[0], next(_chats)
    owe(other, "wanted")
    delivery.drain()
    assert state(dead) == ("dead", 1)
    assert "blocked" in dead.last_error
    assert api.texts(other) == ["wanted"]
    api.block(chat, blocked=False)
    owe(chat, "wanted again")
    delivery.drain()
    assert api.texts(chat) == ["wanted again"]


@pytest.mark.parametrize(
    "fault",
    [{"kind": "drop"}, {"kind": "status", "status": 500}, {"kind": "status", "status": 502}, {"kind": "garbage"}],
)
def test_a_call_that_fails_on_the_way_is_tried_again_later(api: BotApi, chat: int, fault: dict[str, object]) -> None:
    (row,) = owe(chat, "in the end")
    api.fault(**fault, count=1)  # type: ignore[arg-type]
    delivery.drain()
    assert state(row) == ("pending", 1)
    assert 0 < waits_s(row) <= 60
    assert row.last_error
    make_due()
    delivery.drain()
    assert state(row) == ("sent", 2)
    assert api.texts(chat) == ["in the end"]


def test_while_telegram_is_down_messages_wait_and_then_arrive_in_order(
    api: BotApi, chat: int, settings: Settings
) -> None:
    reachable = settings.TELEGRAM_API_BASE_URL
    settings.TELEGRAM_API_BASE_URL = f"http://127.0.0.1:{free_port()}/bot"
    bot_loop.cache_clear()
    rows = owe(chat, "first", "second", "third")
    for _ in range(3):
        make_due()
        delivery.drain()
    assert state(rows[0]) == ("pending", 3)
    assert state(rows[1]) == ("pending", 0)
    settings.TELEGRAM_API_BASE_URL = reachable
    bot_loop.cache_clear()
    make_due()
    delivery.drain()
    assert api.texts(chat) == ["first", "second", "third"]


def test_the_pause_between_attempts_grows_to_a_minute_at_most() -> None:
    for attempts, at_least, at_most in ((1, 1, 2), (3, 4, 8), (6, 30, 60), (40, 30, 60)):
        pauses = [delivery._backoff(attempts, 0).total_seconds() for _ in range(50)]
        assert at_least <= min(pauses) <= max(pauses) <= at_most
    assert delivery._backoff(1, 30).total_seconds() == 30


def test_a_message_that_telegram_refuses_for_good_is_dead_and_the_chat_goes_on(api: BotApi, chat: int) -> None:
    broken = make_message(chat_id=chat, payload={"text": "<b>unclosed", "parse_mode": "HTML"})
    owe(chat, "next")
    delivery.drain()
    assert state(broken) == ("dead", 1)
    assert "parse entities" in broken.last_error
    assert api.texts(chat) == ["next"]


def edit(chat_id: int, message_id: int, text: str) -> OutboxMessage:
    payload = {"text": text, "message_id": message_id}
    return make_message(chat_id=chat_id, method="editMessageText", payload=payload)


def test_an_edit_changes_the_message(api: BotApi, chat: int) -> None:
    (row,) = owe(chat, "before")
    delivery.drain()
    row.refresh_from_db()
    edit(chat, row.telegram_message_id or 0, "after")
    delivery.drain()
    assert api.texts(chat) == ["after"]


def test_an_edit_that_changes_nothing_counts_as_sent(api: BotApi, chat: int) -> None:
    (row,) = owe(chat, "the same")
    delivery.drain()
    row.refresh_from_db()
    again = edit(chat, row.telegram_message_id or 0, "the same")
    delivery.drain()
    assert state(again) == ("sent", 1)
    assert api.texts(chat) == ["the same"]


def test_an_edit_of_a_message_that_is_gone_becomes_a_new_one(api: BotApi, chat: int) -> None:
    row = edit(chat, 123_456, "still worth reading")
    delivery.drain()
    assert state(row) == ("sent", 1)
    assert api.texts(chat) == ["still worth reading"]
    assert row.telegram_message_id == api.messages(chat)[0]["id"]


def test_an_orders_card_is_sent_once_and_edited_from_then_on(api: BotApi, chat: int, eth: Market) -> None:
    order = make_order(market=eth, chat_id=chat, state="APPROVED")
    outbox.owe_order_cards([order])
    delivery.drain()
    order.refresh_from_db()
    assert "On its way" in api.texts(chat)[0]
    assert order.card_message_id == api.messages(chat)[0]["id"]
    Order.objects.filter(pk=order.pk).update(state="CANCELED", reason="canceled_by_trader")
    order.refresh_from_db()
    outbox.owe_order_cards([order])
    delivery.drain()
    (only,) = api.texts(chat)
    assert "Nothing was sent" in only


def test_a_card_tells_the_latest_even_when_it_was_owed_earlier(api: BotApi, chat: int, eth: Market) -> None:
    order = make_order(market=eth, chat_id=chat, state="SUBMITTING")
    outbox.owe_order_cards([order])
    Order.objects.filter(pk=order.pk).update(state="REJECTED", reason="slippage_exceeded")
    outbox.owe_order_cards([order])
    delivery.drain()
    (only,) = api.texts(chat)
    assert "The price moved further than you allowed" in only
    assert set(OutboxMessage.objects.filter(order=order).values_list("status", flat=True)) == {"sent"}


def test_a_card_that_was_deleted_in_the_chat_comes_as_a_new_message(api: BotApi, chat: int, eth: Market) -> None:
    order = make_order(market=eth, chat_id=chat, state="EXPIRED", card_message_id=123_456)
    outbox.owe_order_cards([order])
    delivery.drain()
    order.refresh_from_db()
    assert order.card_message_id == api.messages(chat)[0]["id"]


def test_cards_carry_the_state_while_trading_is_not_active(api: BotApi, chat: int, eth: Market) -> None:
    trading_state.change(TradingState.HALTED, actor="test", reason="a test")
    outbox.owe_order_cards([make_order(market=eth, chat_id=chat, state="CANCELED")])
    delivery.drain()
    assert api.texts(chat)[0].startswith("🔴 Trading is halted")


def test_the_answer_to_a_tap_that_telegram_has_forgotten_is_given_up(api: BotApi, chat: int) -> None:
    payload = {"callback_query_id": "unknown", "text": "On its way.", "show_alert": False}
    row = make_message(chat_id=chat, method="answerCallbackQuery", payload=payload)
    owe(chat, "next")
    delivery.drain()
    assert state(row) == ("dead", 1)
    assert api.texts(chat) == ["next"]


def test_the_answer_to_a_tap_is_not_tried_for_longer_than_telegram_waits(api: BotApi, chat: int) -> None:
    payload = {"callback_query_id": "1", "text": "On its way.", "show_alert": False}
    long_ago = clock.now() - dt.timedelta(seconds=20)
    row = make_message(chat_id=chat, method="answerCallbackQuery", payload=payload, created_at=long_ago)
    api.fault("drop", count=1)
    delivery.drain()
    assert state(row) == ("dead", 1)


def test_a_sender_that_dies_between_sending_and_storing_loses_nothing(
    api: BotApi, chat: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = owe(chat, "first", "second")

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(delivery, "_store", die)
        with pytest.raises(KeyboardInterrupt):
            delivery.drain()
    assert state(rows[0]) == ("pending", 0)
    assert delivery.drain() == 0  # leased: whoever sends it may still be at it
    make_due()
    delivery.drain()
    assert api.texts(chat) == ["first", "first", "second"]  # at least once, and in order


@pytest.mark.django_db(transaction=True)
def test_many_senders_at_once_send_every_message_once_and_in_order(api: BotApi) -> None:
    chats = [next(_chats) for _ in range(8)]
    for each in chats:
        owe(each, *[str(number) for number in range(6)])

    def drain() -> None:
        try:
            delivery.drain()
        finally:
            connection.close()

    threads = [threading.Thread(target=drain) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    delivery.drain()
    for each in chats:
        assert api.texts(each) == [str(number) for number in range(6)]


def test_registering_the_bot_gives_telegram_its_menu(api: BotApi, settings: Settings) -> None:
    call_command("register_bot", stdout=io.StringIO())
    delivery.drain()
    told = api.client.post(f"/telegram/bot{settings.TELEGRAM_BOT_TOKEN}/getMyCommands").json()["result"]
    assert {command["command"]: command["description"] for command in told} == MENU


def test_registering_the_bot_sets_the_webhook_where_the_address_is_https(api: BotApi, settings: Settings) -> None:
    settings.PUBLIC_BASE_URL = "https://vanta.example/"
    said = io.StringIO()
    call_command("register_bot", stdout=said)
    assert "webhook https://vanta.example/telegram/webhook/" in said.getvalue()
    assert api.client.get("/control/state").json()["webhook"]["url"] == "https://vanta.example/telegram/webhook/"


def test_registering_the_bot_fails_loudly_where_telegram_refuses(api: BotApi, settings: Settings) -> None:
    settings.PUBLIC_BASE_URL = "https://vanta.example"
    api.fault("status", status=401, count=1)
    with pytest.raises(CommandError, match="Telegram did not take the webhook"):
        call_command("register_bot", stdout=io.StringIO())
