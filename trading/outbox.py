"""Owing messages: rows written with what they tell of, sent later by whoever drains the outbox."""

from collections.abc import Iterable, Mapping
from typing import Any

from trading.models import Order, OutboxMessage
from vanta import tracing
from vanta.wake import wake_on_commit

# Rendered by the Telegram front end when it is sent, so that it tells the latest.
ORDER_CARD = "order_card"


def owe(chat_id: int, method: str, payload: Mapping[str, Any], *, order: Order | None = None) -> OutboxMessage:
    """Owe one call of the Bot API to a chat, in the caller's transaction."""
    row = OutboxMessage.objects.create(
        chat_id=chat_id,
        method=method,
        payload=dict(payload),
        order=order,
        trace_id=order.trace_id if order else tracing.current_trace_id(),
    )
    wake_on_commit("messages")
    return row


def owe_order_cards(orders: Iterable[Order]) -> None:
    """Owe each order's chat the news of its state: its card is edited, or a new message sent where there is none."""
    rows = [
        OutboxMessage(
            chat_id=order.chat_id,
            method=ORDER_CARD,
            payload={"state": order.state},
            order=order,
            trace_id=order.trace_id,
        )
        for order in orders
        if order.chat_id is not None
    ]
    if rows:
        OutboxMessage.objects.bulk_create(rows)
        wake_on_commit("messages")
