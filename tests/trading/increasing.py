"""Increases brought to where a test begins, and what is looked at afterwards."""

from decimal import Decimal

from tests.trading.people import Person
from tests.trading.pipeline import assert_books_balance
from trading import (
    execution,
    invariants,
)
from trading.models import Order, Position
from trading.services import placing

D = Decimal


def approved(person: Person, text: str = "/increase ETH 50") -> Order:
    placed = placing.place(trader=person.trader, order_id=person.drafts(text).pk)
    assert placed.state == "APPROVED", placed.reason
    return placed


def ended(order: Order) -> Order:
    execution.drain()
    order.refresh_from_db()
    return order


def again(position: Position) -> Position:
    return Position.objects.select_related("market").get(pk=position.pk)


def free(person: Person) -> Decimal:
    return person.trader.accounts.get(mode="DRY").free_balance_usd


def assert_agrees() -> None:
    assert_books_balance()
    assert invariants.breaches() == []
