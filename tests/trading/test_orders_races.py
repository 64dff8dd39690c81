"""Decisions on one trader's orders at the same moment, in several processes: as if one after the other."""

from decimal import Decimal

import pytest
from pytest_django import Settings

from feeds.models import Market
from tests.trading.conftest import SetPrice
from tests.trading.people import Person
from tests.trading.pipeline import approve, assert_books_balance, close, open_position
from tests.trading.races import at_once
from trading import execution, guardian, reconciliation
from trading.models import Fill, Order, Position
from trading.services import orders, placing

pytestmark = pytest.mark.django_db(transaction=True)
D = Decimal


def states() -> list[str]:
    return sorted(Order.objects.values_list("state", flat=True))


def test_two_that_fit_only_once_are_never_both_approved(ada: Person, eth: Market, settings: Settings) -> None:
    settings.MAX_ACCOUNT_RISK_PCT = D(1)
    settings.HOURLY_VOLUME_USD = D(100_000)
    drafted = [ada.drafts("/long ETH 6000 2x sl=2900") for _ in range(4)]
    trader = ada.trader
    at_once(*(lambda order=order: placing.place(trader=trader, order_id=order.pk) for order in drafted))
    assert states() == ["APPROVED", "DENIED", "DENIED", "DENIED"]


def test_one_draft_confirmed_four_times_at_once_is_placed_once(ada: Person, eth: Market) -> None:
    order, trader = ada.drafts("/long ETH 100 10x"), ada.trader
    at_once(*[lambda: placing.place(trader=trader, order_id=order.pk)] * 4)
    assert order.events.filter(to_state="APPROVED").count() == 1


def test_a_cancel_and_a_confirmation_at_once_end_in_one_of_the_two(ada: Person, eth: Market) -> None:
    order, trader = ada.drafts("/long ETH 100 10x"), ada.trader
    at_once(
        lambda: placing.place(trader=trader, order_id=order.pk),
        lambda: orders.cancel(trader=trader, order_id=order.pk),
        execution.drain,
    )
    execution.drain()
    order.refresh_from_db()
    assert order.state in ("FILLED", "CANCELED")
    assert Fill.objects.count() == (1 if order.state == "FILLED" else 0)
    assert_books_balance()


def test_closing_in_four_places_at_once_closes_no_more_than_there_is(ada: Person, eth: Market) -> None:
    position = open_position(ada)
    at_once(*[lambda: close(ada, position, D("0.5"))] * 4)
    assert sum(order.collateral_usd for order in ada.orders if order.kind == "close") == D(100)
    at_once(execution.drain, execution.drain)
    position.refresh_from_db()
    assert position.status == "closed"
    assert_books_balance()


def test_the_guardian_and_the_trader_close_a_position_only_once(ada: Person, eth: Market, price: SetPrice) -> None:
    position = open_position(ada, "/long ETH 100 10x sl=2900")
    price("ETH/USD", "2890")
    at_once(guardian.close_crossed, lambda: close(ada, position), guardian.close_crossed)
    execution.drain()
    assert Order.objects.filter(kind="close").count() == 1
    assert_books_balance()


def test_many_workers_fill_many_orders_once_each(eth: Market) -> None:
    people = [Person() for _ in range(12)]
    for person in people:
        for _ in range(2):
            approve(person, "/long ETH 100 10x sl=2900")
    at_once(execution.drain, execution.drain, execution.drain, reconciliation.drain)
    execution.drain()
    assert states() == ["FILLED"] * 24
    assert Fill.objects.count() == Position.objects.count() == 24
    assert_books_balance()


def test_partial_closes_of_the_same_positions_in_two_workers_are_all_booked(eth: Market) -> None:
    people = [Person() for _ in range(6)]
    positions = [open_position(person) for person in people]
    for share in ("0.5", "1"):
        for person, position in zip(people, positions, strict=True):
            close(person, position, D(share))
    at_once(execution.drain, execution.drain)
    execution.drain()
    assert set(Position.objects.values_list("status", flat=True)) == {"closed"}
    assert_books_balance()


def test_closing_while_closings_are_booked_never_waits_in_a_circle(
    ada: Person, eth: Market, caplog: pytest.LogCaptureFixture
) -> None:
    positions = [open_position(ada) for _ in range(3)]

    def keep_closing() -> None:
        for _ in range(8):
            for position in positions:
                close(ada, position, D("0.05"))

    def keep_booking() -> None:
        for _ in range(24):
            execution.drain()

    at_once(keep_closing, keep_booking, keep_booking)
    execution.drain()
    assert not [line for line in caplog.messages if "settlement_" in line or "deadlock" in line]
    assert set(Order.objects.filter(kind="close").values_list("state", flat=True)) == {"FILLED"}
    assert_books_balance()
