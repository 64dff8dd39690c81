"""A person in a private chat: types and taps as Telegram reports it, and reads what is owed to the chat."""

from itertools import count
from typing import Any

from tests.trading.markup import assert_shows_well
from trading.models import Order, OutboxMessage, TelegramUpdate, Trader
from trading.telegram import updates, webhook
from vanta import clock, tracing

_update_ids = count(1)
_user_ids = count(800_000_001)


def store(update: dict[str, Any]) -> TelegramUpdate:
    """An update in the inbox, as the webhook leaves it there."""
    chat_id, user_id = webhook.sender(update)
    return TelegramUpdate.objects.create(
        update_id=update["update_id"],
        chat_id=chat_id,
        user_id=user_id,
        payload=update,
        trace_id=tracing.new_trace_id(),
        received_at=clock.now(),
    )


def next_update_id() -> int:
    return next(_update_ids)


class Person:
    """Somebody with a chat of their own; every method that says something answers what the chat is owed for it."""

    def __init__(self, user_id: int | None = None) -> None:
        self.id = user_id or next(_user_ids)
        self._read = 0

    @property
    def trader(self) -> Trader:
        return Trader.objects.get(telegram_id=self.id)

    @property
    def orders(self) -> list[Order]:
        return list(Order.objects.filter(trader__telegram_id=self.id).order_by("pk"))

    def text_update(self, text: str) -> dict[str, Any]:
        chat = {"id": self.id, "type": "private", "first_name": "Ada"}
        message = {"message_id": 1, "from": self._user(), "chat": chat, "date": 1_790_000_000, "text": text}
        return {"update_id": next_update_id(), "message": message}

    def tap_update(self, data: Any, *, chat_id: int | None = None, message_id: int = 77) -> dict[str, Any]:
        chat = {"id": chat_id or self.id, "type": "private", "first_name": "Ada"}
        message = {"message_id": message_id, "chat": chat, "date": 1_790_000_000, "text": "card"}
        tap = {"id": "4711", "from": self._user(), "message": message, "chat_instance": "1", "data": data}
        return {"update_id": next_update_id(), "callback_query": tap}

    def types(self, text: str) -> list[OutboxMessage]:
        """Send a text; every answer must be one that Telegram takes."""
        return self._handled(self.text_update(text))

    def taps(self, data: Any, *, chat_id: int | None = None, message_id: int = 77) -> list[OutboxMessage]:
        """Tap a button with this data; a card that was forwarded is in another chat."""
        return self._handled(self.tap_update(data, chat_id=chat_id, message_id=message_id))

    def answer(self, text: str) -> str:
        """The words of the only answer to a text."""
        (row,) = self.types(text)
        return str(row.payload["text"])

    def drafts(self, text: str) -> Order:
        """Type an opening that gets a preview."""
        self.types(text)
        order = self.orders[-1]
        assert order.state == "DRAFT", order.decision
        return order

    def _user(self) -> dict[str, Any]:
        return {"id": self.id, "is_bot": False, "first_name": "Ada", "username": "ada"}

    def _handled(self, update: dict[str, Any]) -> list[OutboxMessage]:
        before = OutboxMessage.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        stored = store(update)
        updates.drain()
        stored.refresh_from_db()
        assert stored.status == TelegramUpdate.Status.DONE, stored.error
        owed = list(OutboxMessage.objects.filter(pk__gt=before).order_by("pk"))
        for row in owed:
            assert_shows_well(row)
        return owed


def toast(owed: list[OutboxMessage]) -> str:
    """What the tapped button answers."""
    (row,) = [row for row in owed if row.method == "answerCallbackQuery"]
    return str(row.payload["text"])


def words(owed: list[OutboxMessage]) -> str:
    """All new and changed messages, one after the other."""
    return "\n".join(row.payload["text"] for row in owed if row.method in ("sendMessage", "editMessageText"))


def buttons(owed: list[OutboxMessage]) -> dict[str, str]:
    """Label and data of every button in the new and changed messages."""
    rows = [row for each in owed for row in each.payload.get("reply_markup", {}).get("inline_keyboard", [])]
    return {button["text"]: button["callback_data"] for row in rows for button in row}
