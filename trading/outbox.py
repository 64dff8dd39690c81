"""Owing messages: rows written with what they tell of, sent later by whoever drains the outbox."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

from trading.models import Order, OutboxMessage
from trading.order_state import OrderState
from vanta import tracing
from vanta.wake import wake_on_commit

# Rendered by the Telegram front end when they are sent, so that they tell the latest.
ORDER_CARD = "order_card"
CHART = "chart"
BUFFER_ALERT = "buffer_alert"
DAY_LOCKED = "day_locked"
CLOSING_STUCK = "closing_stuck"
CONNECT_LINK = "connect_link"
DELEGATE_NEWS = "delegate_news"
MAINTENANCE_NEWS = "maintenance_news"
PANIC_CARD = "panic_card"
# In an order card's payload: the message that shows the order so far is over, and this is a message of its own.
OVER = "over"
NEWS = "news"
BY_TRADER = "canceled_by_trader"


_together: ContextVar[list[OutboxMessage] | None] = ContextVar("together", default=None)


@contextlib.contextmanager
def together() -> Iterator[None]:
    """Store what is owed inside the block at its end, in one statement and in the same order."""
    rows: list[OutboxMessage] = []
    token = _together.set(rows)
    try:
        yield
    finally:
        _together.reset(token)
    _store(rows)


def _store(rows: Sequence[OutboxMessage]) -> None:
    if rows:
        OutboxMessage.objects.bulk_create(rows)
        wake_on_commit("messages")


def owe(chat_id: int, method: str, payload: Mapping[str, Any], *, order: Order | None = None) -> None:
    """Owe one call of the Bot API to a chat, in the caller's transaction."""
    row = OutboxMessage(
        chat_id=chat_id,
        method=method,
        payload=dict(payload),
        order=order,
        trace_id=order.trace_id if order else tracing.current_trace_id(),
    )
    waiting = _together.get()
    if waiting is None:
        _store([row])
    else:
        waiting.append(row)


def _ways_to_tell(order: Order) -> Sequence[dict[str, bool]]:
    if order.kind == Order.Kind.CANCEL:
        came_to_nothing = order.state in (OrderState.REJECTED, OrderState.EXPIRED, OrderState.CANCELED)
        return [{}] if came_to_nothing and order.update_id is not None else []
    is_taken_back = order.state == OrderState.CANCELED and order.reason != BY_TRADER
    is_news = order.rests and (order.state == OrderState.FILLED or is_taken_back)
    if not is_news or order.card_message_id is None:
        return [{}]
    return [{OVER: True}, {NEWS: True}]


def owe_order_cards(orders: Iterable[Order]) -> None:
    """Owe each order's chat the news of its state: its card is edited, or a new message sent where there is none.

    What ends an order that rested is news of its own: nobody hears of an old message's edit. A cancel that is done is
    told by the card of what it has canceled, and one that nobody asked for by nobody.
    """
    rows = [
        OutboxMessage(
            chat_id=order.chat_id,
            method=ORDER_CARD,
            payload={"state": order.state, **way},
            order=order,
            trace_id=order.trace_id,
        )
        for order in orders
        if order.chat_id is not None
        for way in _ways_to_tell(order)
    ]
    waiting = _together.get()
    if waiting is None:
        _store(rows)
    else:
        waiting.extend(rows)
