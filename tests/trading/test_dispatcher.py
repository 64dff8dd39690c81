"""The dispatcher: finds what is due, wakes workers, and without a broker stops and closes by itself."""

import datetime as dt
from decimal import Decimal

import pytest
from django.db import connection

from feeds.models import Market
from risk.models import EnvironmentLimits
from tests.factories import make_message, make_order, make_trader
from tests.trading.conftest import SetPrice
from tests.trading.people import Person, store
from tests.trading.pipeline import approve, close, open_position
from trading import dispatcher
from trading.dispatcher import Dispatcher
from trading.models import Delegate, Order, OutboxMessage, TelegramUpdate
from vanta import clock, redis, wake

pytestmark = pytest.mark.django_db
LONG_AGO = dt.timedelta(seconds=5)


def woken() -> set[str]:
    return {kind for kind in wake.DRAINS if redis.client().exists(f"wake:{kind}")}


def test_an_idle_system_has_nothing_due() -> None:
    assert dispatcher.due_kinds() == []


def test_a_row_of_each_kind_is_found_when_nobody_announced_it(ada: Person, eth: Market) -> None:
    store(ada.text_update("/help"))
    TelegramUpdate.objects.update(received_at=clock.now() - LONG_AGO)
    make_order(market=eth, state="APPROVED", next_check_at=clock.now() - LONG_AGO)
    make_message(next_attempt_at=clock.now() - LONG_AGO)
    assert set(dispatcher.due_kinds()) == {"updates", "orders", "messages"}
    redis.client().flushdb()
    dispatcher.dispatch_once()
    assert woken() == {"updates", "orders", "messages"}


def test_an_order_that_cannot_be_taken_back_keeps_nothing_else_lying(monkeypatch: pytest.MonkeyPatch) -> None:
    make_message(next_attempt_at=clock.now() - LONG_AGO)
    redis.client().flushdb()
    monkeypatch.setattr("trading.services.canceling.cancel_unwanted", lambda: 1 / 0)
    dispatcher.dispatch_once()
    assert woken() == {"messages"}


@pytest.mark.parametrize("status", Delegate.Status.values)
def test_a_delegate_whose_time_has_come_wakes_the_signing_worker_while_it_lasts(status: str) -> None:
    wallet = "0x" + "1" * 40
    Delegate.objects.create(
        trader=make_trader(), wallet_address=wallet, status=status, next_check_at=clock.now() - LONG_AGO
    )
    assert dispatcher.due_kinds() == (["signing"] if status in Delegate.OPEN else [])


def test_a_row_just_written_is_left_to_the_wake_of_its_writer(ada: Person) -> None:
    store(ada.text_update("/help"))
    make_message()
    assert dispatcher.due_kinds() == []


@pytest.mark.parametrize("state", ["SUBMITTING", "UNKNOWN", "ACCEPTED"])
def test_orders_in_flight_are_looked_at_when_their_time_has_come(eth: Market, state: str) -> None:
    order = make_order(market=eth, state=state, next_check_at=clock.now() + dt.timedelta(seconds=60))
    assert dispatcher.due_kinds() == []
    Order.objects.filter(pk=order.pk).update(next_check_at=clock.now() - LONG_AGO)
    assert dispatcher.due_kinds() == ["orders"]


@pytest.mark.parametrize("state", ["DRAFT", "FILLED", "DENIED", "CANCELED", "EXPIRED", "REJECTED"])
def test_drafts_and_ended_orders_are_never_due(eth: Market, state: str) -> None:
    make_order(market=eth, state=state, next_check_at=clock.now() - LONG_AGO)
    assert dispatcher.due_kinds() == []


def test_a_chat_that_waits_for_its_first_message_wakes_nobody_for_the_second() -> None:
    first = make_message(next_attempt_at=clock.now() + dt.timedelta(seconds=60))
    make_message(chat_id=first.chat_id, next_attempt_at=clock.now() - LONG_AGO)
    assert dispatcher.due_kinds() == []


def test_without_a_broker_closes_and_cancels_are_carried_out_here(
    ada: Person, eth: Market, last_known: SetPrice, request: pytest.FixtureRequest
) -> None:
    position = open_position(ada)
    opening = approve(ada, "/long ETH 100 10x")
    closing = close(ada, position)
    draft = ada.drafts("/long ETH 100 10x sl=2900")
    last_known("ETH/USD", "2990")
    request.getfixturevalue("redis_down")
    cancel = store(ada.tap_update(f"cancel:{draft.pk}"))
    waiting = store(ada.text_update("/help"))
    TelegramUpdate.objects.filter(pk=cancel.pk).update(is_urgent=True)
    TelegramUpdate.objects.update(received_at=clock.now() - LONG_AGO)
    Order.objects.filter(state="APPROVED").update(next_check_at=clock.now() - LONG_AGO)
    dispatcher.dispatch_once()
    for row in (opening, closing, draft, waiting):
        row.refresh_from_db()
    assert (closing.state, draft.state) == ("FILLED", "CANCELED")
    assert (opening.state, waiting.status) == ("APPROVED", "new")
    assert closing.fills.get().price == Decimal("2989.701")
    assert OutboxMessage.objects.filter(order=closing, status="pending").exists()


@pytest.mark.django_db(transaction=True)
def test_only_one_dispatcher_leads() -> None:
    looks: list[int] = []

    def stop_after_one_look() -> bool:
        looks.append(1)
        return len(looks) > 1

    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [dispatcher.LEADER_LOCK])
            follower = Dispatcher(stop_after_one_look)
            follower.run()
            assert not follower._is_leader
            cursor.execute("SELECT pg_advisory_unlock(%s)", [dispatcher.LEADER_LOCK])
    finally:
        other.close()
    looks.clear()
    leader = Dispatcher(stop_after_one_look)
    leader.run()
    assert leader._is_leader
    assert EnvironmentLimits.objects.get().kind == "baseline"  # who leads has said which limits it was started with
    connection.close()
