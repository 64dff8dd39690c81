"""Stops that are moved before anybody has looked at missed prices: each held until it was moved."""

from decimal import Decimal as D
from typing import Any

import pytest

from feeds.models import Market
from tests.trading.people import Person
from tests.trading.pipeline import open_position
from tests.trading.test_missed_prices import (
    MINUTE,
    _in_the_middle_of_a_minute,
    away,
    calm,
    candle,
    closing,
    minutes_ago,
    watch,
)
from tests.trading.test_stops import change, held
from trading.models import Fill
from vanta import clock

pytestmark = pytest.mark.django_db
__all__ = ["_in_the_middle_of_a_minute"]


@pytest.mark.parametrize(
    ("dip", "moved_to", "end"),
    [
        ((7, 2890), "2850", ("stop_loss", 7, "2899.71")),  # crossed while it was at 2900
        ((7, 2940), "2950", None),  # crossed what it was moved to only later
        ((3, 2940), "2950", ("stop_loss", 3, "2949.705")),
        ((3, 2890), "2850", None),
        ((7, 2890), None, ("stop_loss", 7, "2899.71")),
        ((3, 2890), None, None),
        ((5, 2700), "2850", ("liquidation", 5, "2745.2745")),  # in the very minute
    ],
)
def test_a_stop_holds_until_it_is_moved(
    ada: Person,
    eth: Market,
    monkeypatch: pytest.MonkeyPatch,
    dip: tuple[int, int],
    moved_to: str | None,
    end: tuple[Any, ...] | None,
) -> None:
    position = open_position(ada, "/long ETH 100 10x sl=2900")
    away(eth)
    then = minutes_ago(5) + MINUTE / 2
    with monkeypatch.context() as patched:
        patched.setattr(clock, "now", lambda: then)
        change(ada, position, sl=moved_to)
        held(position)
    candle(dip[0], 3000, 3000, dip[1], 3000)
    calm(10)
    assert watch() == (1 if end else 0)
    if end:
        booked = Fill.objects.get(order=closing())
        assert (closing().reason, booked.at, booked.price) == (end[0], minutes_ago(end[1]), D(end[2]))
