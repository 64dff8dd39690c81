"""Whether Telegram would take a message: the sandbox refuses what Telegram refuses."""

from trading.models import OutboxMessage
from trading.outbox import PANIC_CARD
from trading.telegram import panic_cards
from vanta.sandbox.telegram import formatting
from vanta.sandbox.telegram.keyboards import checked_markup

MAX_TEXT = 4096
MAX_TOAST = 200


def assert_shows_well(row: OutboxMessage) -> None:
    """Raises BadRequest or AssertionError where Telegram would refuse the message, or nobody could read it."""
    payload = panic_cards.call(row.chat_id, row.payload)[1] if row.method == PANIC_CARD else row.payload
    text = payload.get("text", "")
    if row.method == "answerCallbackQuery":
        assert len(text) <= MAX_TOAST
        return
    if row.method in ("order_card", "chart", "day_locked", "connect_link", "delegate_news", "maintenance_news"):
        return  # rendered when it is sent
    shown = formatting.parse(text, payload.get("parse_mode")).text
    assert 0 < len(shown) <= MAX_TEXT
    assert "Decimal(" not in shown
    checked_markup(payload.get("reply_markup"))
