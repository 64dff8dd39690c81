"""What a person does in a chat: types, taps, blocks the bot. Each becomes an update for the webhook."""

from __future__ import annotations

import secrets
import time

from vanta.sandbox.telegram.chats import Chats
from vanta.sandbox.telegram.delivery import WebhookDelivery
from vanta.sandbox.telegram.keyboards import find_button
from vanta.sandbox.telegram.messages import Json, Message

MAX_TEXT = 4096


class CannotDo(ValueError):
    """The person cannot do this; the message says why."""


def type_text(chats: Chats, delivery: WebhookDelivery, *, user_id: int, text: str) -> Message:
    """A text message, queued for the webhook. Longer ones than Telegram allows are refused."""
    text = text.encode("utf-8", "replace").decode()
    if not text.strip() or len(text) > MAX_TEXT:
        raise CannotDo(f"a message has 1 to {MAX_TEXT} characters")
    _unblock(chats, user_id)
    message = chats.say(user_id, text)
    chat = chats.chat(user_id)
    replied = chat.messages.get(message.reply_to) if message.reply_to else None
    update = {"update_id": delivery.next_update_id(), "message": message.as_telegram(chat.as_telegram, replied)}
    delivery.put(user_id, update)
    return message


def tap(chats: Chats, delivery: WebhookDelivery, *, user_id: int, message_id: int, button: str) -> str:
    """A tap on an inline button, named by its data or its text; returns the callback query's id."""
    chat = chats.chat(user_id)
    message = chat.messages.get(message_id)
    if message is None:
        raise CannotDo("there is no such message in this chat")
    found = find_button(message.reply_markup, button)
    if found is None:
        raise CannotDo("the message has no such button")
    if "callback_data" not in found:
        raise CannotDo("this button opens something; it sends nothing to the bot")
    callback_id = str(secrets.randbits(62))
    chats.remember_callback(callback_id, user_id, message_id)
    query: Json = {
        "id": callback_id,
        "from": chat.person,
        "message": message.as_telegram(chat.as_telegram),
        "chat_instance": str(user_id),
        "data": found["callback_data"],
    }
    delivery.put(user_id, {"update_id": delivery.next_update_id(), "callback_query": query})
    return callback_id


def set_blocked(chats: Chats, delivery: WebhookDelivery, *, user_id: int, is_blocked: bool) -> None:
    """The person stops or restarts the bot; the bot is told as Telegram tells it."""
    chat = chats.chat(user_id)
    if chat.is_blocked == is_blocked:
        return
    chat.is_blocked = is_blocked
    if chats.subscribers:
        chats.tell("blocked", chat_id=user_id, blocked=is_blocked)
    old, new = ("member", "kicked") if is_blocked else ("kicked", "member")
    change: Json = {
        "chat": chat.as_telegram,
        "from": chat.person,
        "date": int(time.time()),
        "old_chat_member": {"user": chats.bot, "status": old, "until_date": 0},
        "new_chat_member": {"user": chats.bot, "status": new, "until_date": 0},
    }
    delivery.put(user_id, {"update_id": delivery.next_update_id(), "my_chat_member": change})


def _unblock(chats: Chats, user_id: int) -> None:
    """Writing to a bot that one had blocked is only possible after restarting it."""
    if chats.chat(user_id).is_blocked:
        raise CannotDo("this person has blocked the bot; unblock it first")
