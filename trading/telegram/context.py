"""Who says something where, and the ways to answer; every answer is a row in the outbox."""

import datetime as dt
from dataclasses import dataclass

from risk import trading_state
from trading import outbox
from trading.models import Order, Trader
from trading.services.orders import Origin
from trading.telegram import messages
from trading.telegram.cards import Payload, text, with_banner

MAX_TOAST = 190  # Telegram shows 200 characters


@dataclass(frozen=True, slots=True)
class Context:
    """One update being handled. `tap_id` and `message_id` are set where a button was tapped."""

    trader: Trader
    chat_id: int
    update_id: int
    tap_id: str | None = None
    message_id: int | None = None
    came_at: dt.datetime | None = None

    @property
    def origin(self) -> Origin:
        return Origin(chat_id=self.chat_id, update_id=self.update_id, message_id=self.message_id)

    def reply(self, payload: Payload, order: Order | None = None) -> None:
        """Owe a new message."""
        outbox.owe(self.chat_id, "sendMessage", self._under_banner(payload), order=order)

    def reply_text(self, body: str) -> None:
        self.reply(text(body))

    def edit(self, payload: Payload, order: Order | None = None) -> None:
        """Owe a change of the tapped message; a new message where there is none."""
        if self.message_id is None:
            self.reply(payload, order)
            return
        outbox.owe(
            self.chat_id, "editMessageText", {**self._under_banner(payload), "message_id": self.message_id}, order=order
        )

    def toast(self, body: str, *, alert: bool = False) -> None:
        """Owe the short answer that a tap waits for."""
        if self.tap_id is None:
            return
        answer = {"callback_query_id": self.tap_id, "text": body[:MAX_TOAST], "show_alert": alert}
        outbox.owe(self.chat_id, "answerCallbackQuery", answer)

    def _under_banner(self, payload: Payload) -> Payload:
        has_panicked = self.trader.panic_id is not None
        return with_banner(payload, messages.banner(trading_state.current(), has_panicked=has_panicked))
