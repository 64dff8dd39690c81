"""Buffers while others are at work: guardians beside each other, a settlement under way."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from django.db import transaction
from pytest_django import Settings

from feeds.models import Market
from tests.trading.conftest import SetPrice
from tests.trading.people import Person
from tests.trading.pipeline import assert_books_balance, open_position
from tests.trading.races import at_once
from tests.trading.test_buffers import IN_BUFFER, alerts, chooses
from trading import buffer_shares, buffers, execution, guardian
from trading.models import Order, Position
from trading.triggers import Range
from vanta import clock

D = Decimal


@pytest.mark.django_db(transaction=True)
def test_two_guardians_at_once_tell_once_and_close_once(ada: Person, eth: Market, price: SetPrice) -> None:
    open_position(ada)
    chooses(ada, "reduce")
    price("ETH/USD", IN_BUFFER)
    at_once(*[guardian.close_crossed] * 3)
    assert len(alerts()) == 1
    assert Order.objects.filter(kind="close").count() == 1
    execution.drain()
    assert_books_balance()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("work", ["refresh", "watch"])
def test_a_settlement_under_way_is_neither_waited_for_nor_waits(
    ada: Person, eth: Market, settings: Settings, work: str
) -> None:
    """It locks its positions in an order of its own: waiting for one while holding another would be a circle."""
    first, second = open_position(ada), open_position(ada, "/long ETH 200 10x")
    Position.objects.update(buffer_entered_at=clock.now())
    settings.LIQUIDATION_BUFFER_PCT = D("0.1")
    calm = {eth.pk: Range(D(3000), D(3000))}
    works: dict[str, Callable[[], int]] = {
        "refresh": buffer_shares.refresh,
        "watch": lambda: buffers.watch(calm, halted=False),
    }
    with transaction.atomic():
        Position.objects.select_for_update().get(pk=second.pk)
        at_once(works[work])
        Position.objects.select_for_update().get(pk=first.pk)
    done = {"buffer_pct": D("0.1")} if work == "refresh" else {"buffer_entered_at": None}
    changed = Position.objects.filter(**done)
    assert [position.pk for position in changed] == [first.pk]
    works[work]()
    assert changed.all().count() == 2
