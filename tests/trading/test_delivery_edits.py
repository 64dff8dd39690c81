"""Changing what was sent: edits, an order's card, and the bot's menu; against a real Bot API process."""

import io

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from feeds.models import Market
from risk import trading_state
from risk.trading_state import TradingState
from tests.factories import make_message, make_order
from tests.trading.bot_api import BotApi
from tests.trading.owed import owe, state
from trading import outbox
from trading.models import Order, OutboxMessage
from trading.telegram import delivery
from trading.telegram.menu import MENU

pytestmark = pytest.mark.django_db


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
