"""Days for tests: a clock that a test moves, with the price of ETH coming in as it does."""

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal

import pytest
import time_machine

from feeds.models import Candle, Resolution
from tests.trading.conftest import SetPrice
from tests.trading.people import Person
from trading import execution
from trading.services import placing

NOON = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
MIDNIGHT = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)
SECOND, MINUTE, HOUR = dt.timedelta(seconds=1), dt.timedelta(minutes=1), dt.timedelta(hours=1)


class Timeline:
    """`at(moment, price)`: it is that moment, and ETH is worth so much."""

    def __init__(self, traveller: time_machine.Traveller, price: SetPrice) -> None:
        self._traveller, self._price = traveller, price

    def at(self, moment: dt.datetime, price: str = "3000") -> None:
        self._traveller.move_to(moment)
        self._price("ETH/USD", price)


@pytest.fixture
def timeline(price: SetPrice) -> Iterator[Timeline]:
    with time_machine.travel(NOON, tick=False) as traveller:
        yield Timeline(traveller, price)


def minute(start_at: dt.datetime, first: str, last: str) -> Candle:
    """ETH's candle of one minute."""
    begin, end = Decimal(first), Decimal(last)
    return Candle.objects.create(
        price_symbol="ETH/USD",
        resolution_s=Resolution.MINUTE,
        start_at=start_at,
        open=begin,
        high=max(begin, end),
        low=min(begin, end),
        close=end,
        first_at=start_at,
        last_at=start_at + SECOND,
    )


def open_many(person: Person, *texts: str) -> None:
    """Approved one after the other, then filled together."""
    for text in texts:
        draft = person.drafts(text)
        order = placing.place(trader=person.trader, order_id=draft.pk)
        assert order.state == "APPROVED", order.reason
    execution.drain()
