"""Orders that wait, when several hands reach for them at the same moment: one wins, and the books say which."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from feeds.models import Market
from risk import trading_state
from risk.trading_state import TradingState
from tests.trading.conftest import SetPrice
from tests.trading.people import Person
from tests.trading.pipeline import approve, assert_books_balance
from tests.trading.races import at_once
from trading import execution, limit_fills, reconciliation
from trading.models import Account, Order, PaperExecution
from trading.services import canceling, placing
from trading.services.orders import Origin
from trading.venues.paper_resting import end_nonce
from vanta import clock

pytestmark = pytest.mark.django_db(transaction=True)


def rests(person: Person) -> Order:
    order = approve(person, "/limit ETH long 100 10x @2900")
    execution.drain()
    order.refresh_from_db()
    assert order.state == "RESTING", order.reason
    return order


def end_of(order: Order) -> str:
    """How the venue says that it ended; the books must say the same."""
    order.refresh_from_db()
    result = PaperExecution.objects.get(nonce=end_nonce(order.pk)).result
    assert order.state == ("CANCELED" if "canceled" in result else "FILLED")
    return order.state


@pytest.mark.parametrize("number", range(3))
def test_of_a_fill_and_a_cancel_at_once_exactly_one_ends_the_order(
    ada: Person, eth: Market, price: SetPrice, number: int
) -> None:
    order = rests(ada)
    cancel = canceling.cancel_resting(trader=ada.trader, order_id=order.pk, origin=Origin())
    price("ETH/USD", "2900")
    works: list[Callable[[], object]] = [limit_fills.fill_reached, execution.drain]
    at_once(*(works if number % 2 else works[::-1]))
    reconciliation.drain()
    cancel.refresh_from_db()
    assert cancel.state == {"FILLED": "REJECTED", "CANCELED": "FILLED"}[end_of(order)]
    assert_books_balance()


def test_two_guardians_fill_an_order_once(ada: Person, grace: Person, eth: Market, price: SetPrice) -> None:
    orders = [rests(ada), rests(grace)]
    price("ETH/USD", "2900")
    at_once(*[limit_fills.fill_reached] * 3)
    assert [end_of(order) for order in orders] == ["FILLED", "FILLED"]
    assert [order.fills.count() for order in orders] == [1, 1]
    assert_books_balance()


def test_what_a_halt_and_a_confirmation_meet_in_never_stays_and_never_opens(
    ada: Person, eth: Market, price: SetPrice
) -> None:
    order = ada.drafts("/limit ETH long 100 10x @2900")
    at_once(
        lambda: placing.place(trader=ada.trader, order_id=order.pk),
        lambda: trading_state.change(TradingState.HALTED, actor="test", reason="a test"),
    )
    price("ETH/USD", "2900")
    for _ in range(2):
        execution.drain()
        limit_fills.fill_reached()
        canceling.cancel_unwanted()
    order.refresh_from_db()
    assert order.state in ("DENIED", "CANCELED")
    assert Account.objects.get(trader=ada.trader, mode="DRY").free_balance_usd == Decimal(10_000)


def test_two_cancels_at_once_are_one(ada: Person, eth: Market) -> None:
    order = rests(ada)
    at_once(*[lambda: canceling.take_back_all(trader=ada.trader, origin=Origin())] * 3)
    at_once(execution.drain, execution.drain)
    assert (end_of(order), Order.objects.filter(cancels=order).count()) == ("CANCELED", 1)


def test_a_cancel_whose_worker_died_is_found_by_the_venues_journal(ada: Person, eth: Market) -> None:
    order = rests(ada)
    canceling.cancel_resting(trader=ada.trader, order_id=order.pk, origin=Origin())
    (claimed,) = execution.claim(reductions_only=True)
    execution.submit("DRY", [claimed.intent], start_by=clock.monotonic() + 1)
    Order.objects.filter(pk=claimed.pk).update(next_check_at=clock.now())
    reconciliation.drain()
    assert end_of(order) == "CANCELED"
    assert_books_balance()
