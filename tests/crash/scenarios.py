"""What happens to an order in a cell: how it begins, the path that is killed, what must be true in the end.

Every function runs in a child of its own and takes the cell's `Stage`. `path` is what a victim walks; survivors `retry`
what the outside world would repeat (Telegram sends an update again that was not answered) and then only work.
"""

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.test import RequestFactory

from feeds.consensus import Quote
from feeds.quote_store import KEY_PREFIX, write_quotes
from tests.factories import make_market
from tests.waiting import wait_until
from trading import execution, guardian, reconciliation
from trading.models import LedgerTransaction, Order, PaperExecution, Position, Trader
from trading.models.traders import BufferAction
from trading.services import orders
from trading.telegram import delivery, updates
from trading.telegram.webhook import SECRET_HEADER, webhook
from vanta import clock, redis

SYMBOL = "ETH/USD"


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
    """`price` is the mark while the path runs and afterwards; `check` raises where the end is not as it must be."""

    name: str
    begin: Callable[[Stage], None]
    path: Callable[[Stage], None]
    retry: Callable[[Stage], None]
    check: Callable[[Stage], None]
    price: str = "3000"


def set_price(price: str) -> None:
    at_ms = clock.now_ms()
    redis.client().delete(KEY_PREFIX + SYMBOL)
    quote = Quote(SYMBOL, "avantis", "pyth", Decimal(price), at_ms, at_ms, Decimal("1.5"), 60_000)
    write_quotes([quote])


def seconds(count: int) -> dt.timedelta:
    return dt.timedelta(seconds=count)


def work() -> None:
    """What the workers do when they are woken."""
    updates.drain()
    execution.drain()
    reconciliation.drain()
    orders.expire_drafts()
    delivery.drain()


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


def _confirm_what_was_typed(stage: Stage, step: int) -> None:
    drafts = Order.objects.filter(update_id=stage.update_id(step))
    wait_until(drafts.exists, 10, "somebody has handled what was typed")
    order = Order.objects.get(update_id=stage.update_id(step))
    taps(stage, step + 1, f"confirm:{order.pk}:{order.quote_number}")


def _open(text: str) -> Callable[[Stage], None]:
    def walk(stage: Stage) -> None:
        types(stage, 1, text)
        work()
        _confirm_what_was_typed(stage, 1)
        work()

    return walk


def _nothing(_stage: Stage) -> None:
    """Nobody outside repeats anything: what is left is in the tables."""


def _close(stage: Stage) -> None:
    types(stage, 11, "/close ETH")
    work()


def _close_half(stage: Stage) -> None:
    types(stage, 11, "/close ETH 50%")
    work()


def _cross(_stage: Stage) -> None:
    guardian.close_crossed()
    work()


def _with_margin(stage: Stage) -> None:
    _open("/long ETH 100 10x")(stage)
    Trader.objects.filter(pk=stage.trader.pk).update(buffer_action=BufferAction.ADD_MARGIN, buffer_cap_usd=Decimal(50))


def executions(stage: Stage, kind: str) -> int:
    """How many orders of this kind the paper venue has executed, by its own journal."""
    nonces = Order.objects.filter(trader=stage.trader, kind=kind, intent__isnull=False).values("intent__nonce")
    return PaperExecution.objects.filter(nonce__in=nonces, result__has_key="fee_usd").count()


def _position(stage: Stage) -> Position:
    return Position.objects.get(trader=stage.trader)  # more than one would raise


def _is_open_once(stage: Stage) -> None:
    position = _position(stage)
    assert (position.status, position.collateral_usd) == ("open", Decimal(100)), position
    assert (executions(stage, "open"), executions(stage, "close")) == (1, 0)


def _is_closed_once(status: str) -> Callable[[Stage], None]:
    def check(stage: Stage) -> None:
        assert _position(stage).status == status
        assert (executions(stage, "open"), executions(stage, "close")) == (1, 1)

    return check


def _is_half_closed_once(stage: Stage) -> None:
    assert (_position(stage).status, _position(stage).collateral_usd) == ("open", Decimal(50))
    assert (executions(stage, "open"), executions(stage, "close")) == (1, 1)


def _has_margin_once(stage: Stage) -> None:
    position = _position(stage)
    booked = LedgerTransaction.objects.filter(kind="margin", entries__trader=stage.trader).distinct().count()
    assert (position.status, position.collateral_usd, booked) == ("open", 100 + position.margin_added_usd, 1)
    assert 0 < position.margin_added_usd <= 50


def prepare() -> None:
    """What all cells of a lane share."""
    make_market(SYMBOL)


DRY = (
    Scenario(
        "open",
        _nothing,
        _open("/long ETH 100 10x sl=2900 tp=3300"),
        _open("/long ETH 100 10x sl=2900 tp=3300"),
        _is_open_once,
    ),
    Scenario("close", _open("/long ETH 100 10x"), _close, _close, _is_closed_once("closed")),
    Scenario("close half", _open("/long ETH 100 10x"), _close_half, _close_half, _is_half_closed_once),
    Scenario("stop", _open("/long ETH 100 10x sl=2990"), _cross, _cross, _is_closed_once("closed"), price="2985"),
    Scenario(
        "take profit", _open("/long ETH 100 10x tp=3010"), _cross, _cross, _is_closed_once("closed"), price="3015"
    ),
    Scenario("liquidation", _open("/long ETH 100 50x"), _cross, _cross, _is_closed_once("liquidated"), price="2940"),
    Scenario("add margin", _with_margin, _cross, _cross, _has_margin_once, price="2757"),
)
SCENARIOS = {scenario.name: scenario for scenario in DRY}
