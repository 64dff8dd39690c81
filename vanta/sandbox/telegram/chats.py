"""The chats between the demo people and the bot: users, messages, open callback queries, what the page is told."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from vanta.sandbox.telegram.errors import BadRequest, BotApiError, Forbidden
from vanta.sandbox.telegram.files import FileStore
from vanta.sandbox.telegram.formatting import Formatted, plain
from vanta.sandbox.telegram.messages import Attachment, Json, Message

KEPT_MESSAGES = 500
KEPT_CALLBACKS = 5000
CALLBACK_LIFE_S = 900
SUBSCRIBER_BACKLOG = 2000
EPOCH_2026_S = 1_767_225_600
DEMO_PEOPLE = ((1001, "Ada", "ada", "trader"), (1002, "Grace", "grace", "trader"), (1, "Root", "root", "super admin"))


@dataclass(slots=True)
class Chat:
    """A private chat; its id is the person's."""

    person: Json
    role: str = ""
    messages: OrderedDict[int, Message] = field(default_factory=OrderedDict)
    is_blocked: bool = False
    is_demo: bool = False
    last_message_id: int = 0

    @property
    def as_telegram(self) -> Json:
        known = ("first_name", "username")
        return {"id": self.person["id"], "type": "private", **{k: self.person[k] for k in known if k in self.person}}

    @property
    def as_page(self) -> Json:
        return {
            "id": self.person["id"],
            "name": self.person["first_name"],
            "username": self.person.get("username", ""),
            "role": self.role,
            "blocked": self.is_blocked,
        }


@dataclass(frozen=True, slots=True)
class OpenCallback:
    chat_id: int
    message_id: int
    asked_at_s: float


class Chats:
    """All chats. Message ids grow across restarts, because they begin at the time of the start."""

    def __init__(self, *, bot_username: str, bot_token: str) -> None:
        token_id = bot_token.partition(":")[0]
        self.bot: Json = {
            "id": int(token_id) if token_id.isdigit() else 700000001,
            "is_bot": True,
            "first_name": "Vanta",
            "username": bot_username,
        }
        self.files = FileStore()
        self.commands: list[Json] = []
        self.callbacks: OrderedDict[str, OpenCallback] = OrderedDict()
        self.subscribers: set[asyncio.Queue[Json]] = set()
        self.sequence = itertools.count(1)
        self.told = 0
        self._first_message_id = int((time.time() - EPOCH_2026_S) * 10)
        self._chats: dict[int, Chat] = {}
        for user_id, name, username, role in DEMO_PEOPLE:
            chat = Chat(_person(user_id, name, username), role, is_demo=True, last_message_id=self._first_message_id)
            self._chats[user_id] = chat

    def chat(self, chat_id: int | None) -> Chat:
        """The chat of a person, made when it is new; raises BotApiError for an id that cannot be one."""
        if chat_id is None or chat_id <= 0:
            raise BadRequest("chat_id is empty" if chat_id is None else "chat not found")
        found = self._chats.get(chat_id)
        if found is None:
            found = Chat(_person(chat_id, f"Trader {chat_id}", f"trader{chat_id}"), "trader")
            found.last_message_id = self._first_message_id
            self._chats[chat_id] = found
        return found

    def take_over(self, chat: Chat) -> None:
        """A chat of an earlier run; its message ids go on from the later of then and now."""
        chat.last_message_id = max(chat.last_message_id, self._first_message_id)
        self._chats[chat.person["id"]] = chat

    def all(self) -> list[Chat]:
        return list(self._chats.values())

    def add(
        self,
        chat: Chat,
        *,
        content: Formatted,
        from_bot: bool,
        attachment: Attachment | None = None,
        reply_markup: Json | None = None,
        reply_to: int | None = None,
    ) -> Message:
        """A new message at the end of a chat; a person who blocked the bot gets none (403)."""
        if from_bot and chat.is_blocked:
            raise Forbidden("bot was blocked by the user")
        chat.last_message_id += 1
        message = Message(
            chat_id=chat.person["id"],
            message_id=chat.last_message_id,
            sender=self.bot if from_bot else chat.person,
            date=int(time.time()),
            content=content,
            attachment=attachment,
            reply_markup=reply_markup,
            reply_to=reply_to if reply_to in chat.messages else None,
        )
        chat.messages[message.message_id] = message
        if len(chat.messages) > KEPT_MESSAGES:
            chat.messages.popitem(last=False)
        if self.subscribers:
            self.tell("message", chat_id=message.chat_id, message=message.as_page())
        return message

    def say(self, user_id: int, text: str) -> Message:
        """The person types."""
        return self.add(self.chat(user_id), content=plain(text), from_bot=False)

    def remember_callback(self, callback_id: str, chat_id: int, message_id: int) -> None:
        self.callbacks[callback_id] = OpenCallback(chat_id, message_id, time.time())
        if len(self.callbacks) > KEPT_CALLBACKS:
            self.callbacks.popitem(last=False)

    def close_callback(self, callback_id: str) -> OpenCallback:
        opened = self.callbacks.pop(callback_id, None)
        if opened is None or time.time() - opened.asked_at_s > CALLBACK_LIFE_S:
            raise BadRequest("query is too old and response timeout expired or query ID is invalid")
        return opened

    def tell(self, kind: str, **what: Any) -> None:
        """Tells every open chat page; one that does not keep up is dropped and reloads."""
        self.told = next(self.sequence)
        note = {"seq": self.told, "type": kind, **what}
        for queue in list(self.subscribers):
            if queue.qsize() >= SUBSCRIBER_BACKLOG:
                self.subscribers.discard(queue)
                continue
            queue.put_nowait(note)


def _person(user_id: int, name: str, username: str) -> Json:
    return {"id": user_id, "is_bot": False, "first_name": name, "username": username, "language_code": "en"}


__all__ = ["BotApiError", "Chat", "Chats", "OpenCallback"]
