"""The emergency stop while LIVE orders are in flight and the signing worker is paused, judged by the venue's journal.

What the paused worker had claimed it sends no more, however old its reading of the state is when it goes on.
"""

import contextlib
import os
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import structlog
from django.conf import settings
from pytest_django import Settings

from risk.models import TradingStateChange
from tests.factories import make_order
from tests.stack import Stack
from tests.trading.conftest import SetPrice
from tests.trading.live.world import LiveTrader, fault, look, settle
from tests.trading.people import Person
from tests.trading.pipeline import assert_books_balance
from tests.waiting import wait_until
from trading import dispatcher
from trading.models import Attempt, Order, Position
from trading.models.orders import K
from trading.models.traders import Mode
from trading.order_state import IN_FLIGHT, OrderState
from trading.services import placing
from vanta import clock
from vanta.supervision.environment import sandbox_urls

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.timeout(400)]
log = structlog.get_logger(__name__)
WORKER = "worker-signing"
WITHIN_MS = 1000
PAUSED_FOR_MS = 1600
UNDER_WAY_S = 4
OPENINGS = ("OpenTradeReq", "IncreasePositionSizeReq")


@dataclass(frozen=True)
class Scene:
    """Traders with an opening each: `early` before the worker begins, `late` while it is paused; and what rests."""

    early: int
    late: int
    others: int
    waits_for_the_last: bool = False
    is_paused: bool = True
    is_at_claim: bool = False  # stopped as soon as messages are committed, before all of them have left


FEW = Scene(early=2, late=2, others=1, is_at_claim=True)
HUNDRED = Scene(early=100, late=0, others=5, waits_for_the_last=True)
CLAIMED = Scene(early=100, late=0, others=5, waits_for_the_last=True, is_at_claim=True)
RUNNING = Scene(early=100, late=0, others=5, waits_for_the_last=True, is_paused=False)


@dataclass(frozen=True)
class Stop:
    """What was typed, what was answered, and when it was in force, in ms."""

    at_ms: int
    told: str


def journal(live: LiveTrader) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = live.sandbox.get("/control/venue/journal").json()
    return found


def received(live: LiveTrader, since_ms: int) -> list[dict[str, Any]]:
    """The openings that the venue was sent since."""
    return [row for row in journal(live)["received"] if row["at"] > since_ms and row["kind"] in OPENINGS]


@contextlib.contextmanager
def paused(running: Stack) -> Iterator[None]:
    os.kill(running.pid(WORKER), signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(running.pid(WORKER), signal.SIGCONT)


def approved(traders: Sequence[LiveTrader], price: SetPrice) -> list[Order]:
    orders = []
    for trader in traders:
        price("ETH/USD", "3000")
        orders.append(trader.approve("/long ETH 100 10x"))
    return orders


def rested(trader: LiveTrader) -> Order:
    terms = {"order_type": Order.Type.LIMIT, "limit_price": Decimal(2900), "mode": Mode.LIVE}
    order = make_order(trader=trader.trader, **terms)
    placing.approve(order)
    wait_until(lambda: _is(order, OrderState.RESTING), 20, "the limit order rests")
    return order


def _is(order: Order, state: OrderState) -> bool:
    look()
    order.refresh_from_db()
    return order.state == state


def stop(admin: Person, command: str) -> Stop:
    """Typed by an admin; in force with its commit."""
    (row,) = admin.types(command)
    at_ms = clock.now_ms()
    assert TradingStateChange.objects.count() == 1
    return Stop(at_ms, str(row.payload["text"]))


def unfinished(orders: Sequence[Order]) -> int:
    return Order.objects.filter(pk__in=[order.pk for order in orders], ended_at__isnull=True).count()


def carry_through(live: LiveTrader, admin: Person, log_dir: Path, command: str, scene: Scene, price: SetPrice) -> None:
    """One stop, from the orders before it to what became of them."""
    traders = [live, *(LiveTrader(live.sandbox) for _ in range(scene.early + scene.late - 1))]
    owners = [LiveTrader(live.sandbox) for _ in range(scene.others)]
    first = approved(owners, price)
    positions = [settle(order).position for order in first]
    resting = [rested(owner) for owner in owners]
    begun_ms = clock.now_ms()
    openings = approved(traders[: scene.early], price)
    fault(live.sandbox, "slow_execution", seconds=UNDER_WAY_S)
    environment = {**sandbox_urls(live.sandbox.url), "KEY_ENCRYPTION_KEYS": settings.KEY_ENCRYPTION_KEYS}
    with Stack(log_dir=log_dir, environment={**environment, "SIGNING_CONCURRENCY": "2"}) as running:
        running.launch(WORKER)
        if scene.is_at_claim:
            wait_until(lambda: Attempt.objects.filter(intent__order__in=openings).exists(), 60, "some are claimed")
        else:
            wait_until(lambda: len(received(live, begun_ms)) * 2 >= scene.early, 60, "half of the orders have left")
        with paused(running) if scene.is_paused else contextlib.nullcontext():
            openings += approved(traders[scene.early :], price)
            closings = [owner.close(position) for owner, position in zip(owners, positions, strict=True) if position]
            in_flight = Order.objects.filter(kind__in=[K.OPEN], state__in=IN_FLIGHT).count()
            stopped = stop(admin, command)
            dispatcher.dispatch_once()
            wait_until(lambda: clock.now_ms() > stopped.at_ms + PAUSED_FOR_MS, 10, "it has been paused long enough")
        resumed_ms = clock.now_ms()
        followed = [*closings, *resting, *(openings if scene.waits_for_the_last else openings[scene.early :])]

        def all_have_ended() -> bool:
            dispatcher.dispatch_once()
            return unfinished(followed) == 0

        wait_until(all_have_ended, 200, "everything has ended")
        wait_until(lambda: not Order.objects.filter(state=OrderState.APPROVED).exists(), 20, "nothing waits any more")
    told = [row["at"] - stopped.at_ms for row in received(live, begun_ms)]
    figures = {"last_ms": max(told, default=None), "resumed_ms": resumed_ms - stopped.at_ms}
    log.warning("stopped", orders=len(openings), in_flight=in_flight, sent=len(told), **figures)
    assert received(live, stopped.at_ms + WITHIN_MS) == []
    assert not scene.is_paused or f"may still be executed: {in_flight}" in stopped.told
    judge(live, openings, closings, resting, command)


def judge(live: LiveTrader, openings: list[Order], closings: list[Order], resting: list[Order], command: str) -> None:
    """What the venue did is what the orders say; what the state lets through is done, the rest is not."""
    state = {"/halt": "halted", "/stop": "reducing"}[command]
    for order in [*openings, *closings, *resting]:
        order.refresh_from_db()
    effects = journal(live)["effects"]
    opened = [effect["trader"] for effect in effects if effect["kind"] == "open"]
    assert len(opened) == len(set(opened)), "a doubled order"
    filled = [order for order in openings if order.state == OrderState.FILLED]
    assert {order.state for order in openings} <= {"FILLED", "CANCELED", "EXPIRED", *IN_FLIGHT}
    assert {order.reason for order in openings if order.state == "CANCELED"} == {f"trading_{state}"}
    assert len(filled) + len(closings) <= len(opened)
    assert {order.state for order in resting} == {"CANCELED"}
    assert sum(effect["kind"] == "limit_cancel" for effect in effects) >= len(resting)
    closed = ("FILLED", "") if state == "reducing" else ("CANCELED", "trading_halted")
    assert {(order.state, order.reason) for order in closings} == {closed}
    if not any(order.state in IN_FLIGHT for order in openings):
        assert Position.objects.filter(status="open").count() == len(filled) + (state == "halted") * len(closings)
    assert_books_balance()


@pytest.fixture
def admin(settings: Settings, db: None) -> Person:
    admin = Person()
    settings.ADMIN_USER_IDS = [admin.id]
    return admin


@pytest.mark.parametrize("command", ["/halt", pytest.param("/stop", marks=pytest.mark.rare)])
def test_a_paused_worker_sends_no_opening_when_it_goes_on(
    live: LiveTrader, admin: Person, tmp_path: Path, command: str, price: SetPrice
) -> None:
    carry_through(live, admin, tmp_path, command, FEW, price)


@pytest.mark.rare
@pytest.mark.parametrize("command", ["/halt", "/stop"])
@pytest.mark.parametrize("scene", [HUNDRED, CLAIMED, RUNNING], ids=["paused", "paused at the claim", "running"])
def test_a_hundred_orders_in_flight(
    live: LiveTrader, admin: Person, tmp_path: Path, command: str, scene: Scene, price: SetPrice
) -> None:
    carry_through(live, admin, tmp_path, command, scene, price)
