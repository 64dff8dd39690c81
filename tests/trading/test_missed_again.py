"""A closing of the past that came to nothing is tried again: at once, then ever more rarely."""

import datetime as dt
from decimal import Decimal

import pytest
from pytest_django import Settings

from feeds.models import Market
from tests.trading.conftest import SetPrice
from tests.trading.people import Person
from tests.trading.pipeline import assert_books_balance, open_position
from tests.trading.test_missed_prices import _in_the_middle_of_a_minute, away, calm, candle, closing, minutes_ago, watch
from trading import guardian
from trading.history import transition
from trading.models import Fill, OutboxMessage
from trading.order_state import OrderState
from trading.telegram import risk_pages
from trading.venues import paper
from vanta import clock

pytestmark = pytest.mark.django_db
D = Decimal
__all__ = ["_in_the_middle_of_a_minute"]


@pytest.mark.parametrize("until", ["approved", "submitting"])
def test_a_closing_that_was_then_not_carried_out_is_found_again(ada: Person, eth: Market, until: str) -> None:
    open_position(ada, "/long ETH 100 10x sl=2900")
    away(eth)
    candle(7, 3000, 3000, 2890, 3000)
    calm(10)
    assert guardian.close_crossed() == 1
    lost = closing()
    if until == "submitting":
        transition(lost, OrderState.SUBMITTING)
    transition(lost, OrderState.CANCELED if until == "approved" else OrderState.EXPIRED, reason="never_executed")
    assert watch() == 1
    assert Fill.objects.get(order__kind="close").at == minutes_ago(7)
    assert watch() == 0
    assert_books_balance()


def test_a_closing_that_the_venue_always_rejects_is_tried_ever_more_rarely(
    ada: Person, eth: Market, price: SetPrice, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """At once, then after 2, 4, 8, 16… seconds; the admins hear of it once, at the sixth try."""
    settings.ADMIN_USER_IDS, settings.SUPER_ADMIN_IDS = [11], [11, 12]
    open_position(ada, "/long ETH 100 10x sl=2900")
    away(eth)
    candle(7, 3000, 3000, 2890, 3000)
    calm(10)
    begun, tried_at = clock.now(), []
    monkeypatch.setattr(paper, "_close", lambda *_: {"rejected": "no_room"})
    for second in range(80):
        monkeypatch.setattr(clock, "now", lambda second=second: begun + second * dt.timedelta(seconds=1))
        price("ETH/USD", "3000")
        if second == 30:
            candle(0, 3000, 3000, 3000, 3000)
        tried_at += [second] * watch()
    assert tried_at == [0, 1, 3, 7, 15, 31, 63]
    told = OutboxMessage.objects.filter(method="closing_stuck")
    assert sorted(row.chat_id for row in told) == [11, 12]
    assert (
        "five closings came to nothing, the last one with <code>no_room</code>"
        in (risk_pages.closing_stuck(told[0].payload)["text"])
    )
