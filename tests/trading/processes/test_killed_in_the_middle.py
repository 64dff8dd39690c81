"""Rows exactly as a worker leaves them that is killed at each step of an order; the others bring every one to its end.

The rows are written here instead of killing at the right microsecond: what a kill leaves is what was committed.
"""

import datetime as dt
from collections.abc import Callable

import pytest
from django.db import transaction

from tests.trading.processes.outside import confirmation, new_trader
from tests.trading.processes.system import System
from tests.waiting import wait_until
from trading import execution, history
from trading.models import Attempt, Fill, Intent, Order, PaperExecution, TelegramUpdate
from trading.order_state import OrderState
from trading.telegram import webhook
from trading.venues.registry import VENUES
from vanta import clock, tracing


def approved(order: Order) -> None:
    """Killed after the decision, before the wake."""
    history.transition(order, OrderState.APPROVED, next_check_at=clock.now(), decided_at=clock.now())


def claimed(order: Order) -> None:
    """Killed after the claim: the message is committed, and perhaps it left."""
    approved(order)
    with transaction.atomic():
        history.transition(order, OrderState.SUBMITTING, next_check_at=clock.now())
        execution.prepare([order])


def executed(order: Order) -> None:
    """Killed after the venue has executed it, before the books say so."""
    claimed(order)
    VENUES[order.mode].submit([order.intent])


def unknown(order: Order) -> None:
    """The venue's answer was lost, and then the worker."""
    executed(order)
    history.transition(order, OrderState.UNKNOWN, next_check_at=clock.now())


def stored(order: Order) -> None:
    """Killed after the confirmation was stored, before anybody was told."""
    tap = confirmation(order)
    TelegramUpdate.objects.create(
        update_id=tap["update_id"],
        chat_id=order.trader.chat_id,
        user_id=order.trader.telegram_id,
        payload=tap,
        trace_id=tracing.new_trace_id(),
    )
    assert webhook.sender(tap) == (order.trader.chat_id, order.trader.telegram_id)


@pytest.mark.processes
@pytest.mark.parametrize("killed_after", [stored, approved, claimed, executed, unknown])
def test_an_order_whose_worker_was_killed_there_is_filled_once(
    vanta: System, killed_after: Callable[[Order], None]
) -> None:
    order = vanta.draft(new_trader())
    killed_after(order)

    vanta.wait_filled(order, within_s=15)
    vanta.wait_quiet()
    intent = Intent.objects.get(order=order)
    assert Fill.objects.filter(order=order).count() == 1
    assert PaperExecution.objects.filter(nonce=intent.nonce).count() == 1
    assert list(Attempt.objects.filter(intent=intent).exclude(outcome="answered")) == []
    events = list(order.events.order_by("sequence").values_list("sequence", "to_state"))
    assert [number for number, _ in events] == list(range(1, len(events) + 1))
    assert events[-1][1] == "FILLED"


@pytest.mark.processes
def test_an_approval_found_minutes_later_ends_and_nothing_is_sent(vanta: System) -> None:
    order = vanta.draft(new_trader())
    long_ago = clock.now() - dt.timedelta(minutes=5)
    history.transition(order, OrderState.APPROVED, next_check_at=clock.now(), decided_at=long_ago)

    wait_until(lambda: Order.objects.filter(pk=order.pk, state="EXPIRED").exists(), 10, "the order has ended")
    vanta.wait_quiet()
    assert not Intent.objects.filter(order=order).exists()
    assert "Nothing was sent" in vanta.messages(order.trader)[-1]
