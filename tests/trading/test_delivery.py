"""The outbox: every message arrives, a chat's in order, or is kept as dead; against a real Bot API process."""

import datetime as dt
import threading

import pytest
from django.db import connection
from pytest_django import Settings

from tests.factories import make_message
from tests.trading.bot_api import BotApi
from tests.trading.owed import make_due, new_chat, owe, state, waits_s
from trading.models import OutboxMessage
from trading.telegram import delivery
from trading.telegram.client import bot_loop
from vanta import clock
from vanta.embedded.host import free_port

pytestmark = pytest.mark.django_db


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
    chats = [new_chat() for _ in range(45)]
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
    other = new_chat()
    owe(other, "goes on")
    delivery.drain()
    assert api.texts(other) == ["goes on"]
    assert api.texts(chat) == []


def test_a_chat_that_blocked_the_bot_gets_dead_letters_and_holds_up_no_other(api: BotApi, chat: int) -> None:
    api.block(chat)
    dead, other = owe(chat, "unwanted")[0], new_chat()
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
    chats = [new_chat() for _ in range(8)]
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
