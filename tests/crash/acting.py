"""What scenarios are made of: a trader who types and taps, prices, and workers that are woken.

Every function runs in a child of its own and takes the cell's `Stage`. `path` is what a victim walks; survivors `retry`
what the outside world would repeat (Telegram sends an update again that was not answered) and then only work.
"""

import datetime as dt
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.test import RequestFactory

from feeds.consensus import Quote
from feeds.quote_store import KEY_PREFIX, write_quotes
from tests.waiting import wait_until
from trading import execution, reconciliation
from trading.execution import PAPER
from trading.models import Order, Position, Trader
from trading.models.traders import Mode
from trading.order_state import TERMINAL, OrderState
from trading.services import orders
from trading.telegram import delivery, updates
from trading.telegram.webhook import SECRET_HEADER, webhook
from vanta import clock, redis

SYMBOL = "ETH/USD"
LIVE = (Mode.LIVE,)
STREAMED_EVERY_S = 0.3


@dataclass(frozen=True, slots=True)
class Stage:
    """One cell's own trader and update ids."""

    number: int

    @property
    def user_id(self) -> int:
        return 900_000_000 + self.number

    @property
    def trader(self) -> Trader:
        return Trader.objects.get(telegram_id=self.user_id)

    def update_id(self, step: int) -> int:
        return self.number * 100 + step


@dataclass(frozen=True, slots=True)
class Scenario:
    """`price` is the mark while the path runs and afterwards; `check` raises where the end is not as it must be.

    `ends` are the states in which every order is left in peace.
    """

    name: str
    begin: Callable[[Stage], None]
    path: Callable[[Stage], None]
    retry: Callable[[Stage], None]
    check: Callable[[Stage], None]
    price: str = "3000"
    ends: frozenset[OrderState] = TERMINAL


def set_price(price: str) -> None:
    """Whatever it was before."""
    redis.client().delete(KEY_PREFIX + SYMBOL)
    tell_price(price)


def tell_price(price: str) -> None:
    at_ms = clock.now_ms()
    write_quotes([Quote(SYMBOL, "avantis", "pyth", Decimal(price), at_ms, at_ms, Decimal("1.5"), 60_000)])


def stream(price: str) -> None:
    """Tell it for ever, as the streamer does."""
    pause = threading.Event()
    while not pause.wait(STREAMED_EVERY_S):
        tell_price(price)


def seconds(count: int) -> dt.timedelta:
    return dt.timedelta(seconds=count)


def work() -> None:
    """What the workers do when they are woken, the signing worker too."""
    updates.drain()
    for modes in (PAPER, LIVE):
        execution.drain(modes=modes)
        reconciliation.drain(modes=modes)
    orders.expire_drafts()
    delivery.drain()


def bring_on() -> None:
    """No more of it than brings an order on its way: for beginnings, which nobody watches."""
    updates.drain()
    for modes in (PAPER, LIVE):
        execution.drain(modes=modes)


def _post(update: dict[str, Any]) -> None:
    answer = webhook(
        RequestFactory().post(
            "/telegram/webhook/",
            json.dumps(update),
            content_type="application/json",
            headers={SECRET_HEADER: settings.TELEGRAM_WEBHOOK_SECRET},
        )
    )
    assert answer.status_code == 200, answer.content


def _person(stage: Stage) -> dict[str, Any]:
    return {"id": stage.user_id, "is_bot": False, "first_name": "Ada"}


def types(stage: Stage, step: int, text: str) -> None:
    chat = {"id": stage.user_id, "type": "private", "first_name": "Ada"}
    message = {"message_id": step, "from": _person(stage), "chat": chat, "date": 1_790_000_000, "text": text}
    _post({"update_id": stage.update_id(step), "message": message})


def taps(stage: Stage, step: int, data: str) -> None:
    chat = {"id": stage.user_id, "type": "private", "first_name": "Ada"}
    message = {"message_id": 77, "chat": chat, "date": 1_790_000_000, "text": "card"}
    tap = {"id": str(stage.update_id(step)), "from": _person(stage), "message": message, "chat_instance": "1"}
    _post({"update_id": stage.update_id(step), "callback_query": {**tap, "data": data}})


def confirm_what_was_typed(stage: Stage, step: int, then: Callable[[], None] = work) -> None:
    """Tap [Confirm], and where the order is LIVE the second one."""
    drafts = Order.objects.filter(update_id=stage.update_id(step))
    wait_until(drafts.exists, 10, "somebody has handled what was typed")
    order = Order.objects.get(update_id=stage.update_id(step))
    said = f"{order.pk}:{order.quote_number}"
    taps(stage, step + 1, f"confirm:{said}")
    if order.mode == Mode.LIVE:
        then()
        taps(stage, step + 2, f"live:{said}")


def opens(text: str) -> Callable[[Stage], None]:
    """Type an opening, and say that it is meant."""

    def walk(stage: Stage) -> None:
        types(stage, 1, text)
        work()
        confirm_what_was_typed(stage, 1)
        work()

    return walk


def begins(text: str) -> Callable[[Stage], None]:
    """The same opening, before the path. What is left for the workers then is the caller's to let them do."""

    def begin(stage: Stage) -> None:
        types(stage, 1, text)
        bring_on()
        confirm_what_was_typed(stage, 1, bring_on)
        bring_on()

    return begin


def increases(text: str) -> Callable[[Stage], None]:
    """Type an increase of what was opened, and say that it is meant."""

    def walk(stage: Stage) -> None:
        types(stage, 11, text)
        work()
        confirm_what_was_typed(stage, 11)
        work()

    return walk


def nothing(_stage: Stage) -> None:
    """Nobody outside repeats anything: what is left is in the tables."""


def moves_margin(text: str) -> Callable[[Stage], None]:
    """Type a move of margin, and tap what its preview offers."""

    def walk(stage: Stage) -> None:
        types(stage, 21, text)
        work()
        position = Position.objects.get(trader=stage.trader)
        signed = text.rpartition(" ")[2]
        taps(stage, 22, f"margin:{position.pk}:{signed}:1")  # the opening is all that the card knows of
        work()

    return walk


def closes(text: str) -> Callable[[Stage], None]:
    """Type a closing, or anything else that is carried out without a question."""

    def walk(stage: Stage) -> None:
        types(stage, 11, text)
        work()

    return walk


changes = closes
