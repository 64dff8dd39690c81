"""Two processes at one order, one of them paused: each submission is on record, and none leaves on old news."""

from decimal import Decimal
from typing import Any

import pytest

from risk import trading_state
from risk.models import TradingStateChange
from risk.trading_state import TradingState
from tests.trading.live.world import LIVE, LiveTrader, assert_agrees, claimed, fault, look, settle
from trading import execution, reconciliation, settlement
from trading.models import Attempt, Order, VenueEvent
from trading.venues.avantis import client
from trading.venues.avantis.venue import AvantisVenue
from trading.venues.base import Rejected
from trading.venues.registry import VENUES
from vanta import clock

pytestmark = pytest.mark.django_db
D = Decimal


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "ACCEPT_WITHIN_S", 1.5)


def test_a_worker_that_wakes_after_its_lease_sends_nothing(live: LiveTrader) -> None:
    order = claimed(live.approve())
    settle(Order.objects.get(pk=order.pk))  # reconciliation has taken it up meanwhile
    sent = Attempt.objects.count()
    execution.carry_out([order])
    assert VenueEvent.objects.filter(kind="MarketOrderAccepted").count() == 1
    assert Attempt.objects.count() == sent
    assert_agrees(live, Order.objects.get(pk=order.pk))


def test_two_submissions_at_once_keep_both_tracking_ids(live: LiveTrader) -> None:
    order = claimed(live.approve())
    first = Attempt.objects.get()
    second = Attempt.objects.create(intent=order.intent, number=2)
    VENUES["LIVE"].submit([order.intent])  # the resubmission
    VENUES["LIVE"].submit([order.intent])  # who claimed it, and was paused until now
    for attempt in (first, second):
        attempt.refresh_from_db()
    assert {first.tracking_id, second.tracking_id} == set(
        VenueEvent.objects.filter(kind="MarketOrderAccepted").values_list("tracking_id", flat=True)
    )
    settle(order)
    assert_agrees(live, order)


@pytest.mark.parametrize("is_first", [True, False])
def test_a_worker_that_was_paused_while_trading_halted_sends_nothing_when_it_wakes(
    live: LiveTrader, monkeypatch: pytest.MonkeyPatch, is_first: bool
) -> None:
    live.approve()
    if not is_first:
        fault(live.sandbox, "drop", when="before", count=1)
        execution.drain(modes=LIVE)
    now, begin = clock.monotonic, AvantisVenue.submit

    def paused(venue: AvantisVenue, intents: Any, **terms: Any) -> Any:
        trading_state.change(TradingState.HALTED, actor="test", reason="a test")
        monkeypatch.setattr(clock, "monotonic", lambda: now() + 30)
        return begin(venue, intents, **terms)

    monkeypatch.setattr(AvantisVenue, "submit", paused)
    look()
    assert (TradingStateChange.objects.count(), live.effects) == (1, [])
    assert not VenueEvent.objects.exists()


def test_a_refusal_that_comes_while_it_is_sent_again_ends_nothing(live: LiveTrader) -> None:
    order = claimed(live.approve())
    refused = Rejected("venue_refused", is_of_only_attempt=True)
    assert reconciliation._begin_attempt(order, order.intent)
    settlement.settle([order], {order.pk: refused})
    order.refresh_from_db()
    assert order.state == "UNKNOWN"
    settle(order)
    assert not reconciliation._begin_attempt(order, order.intent)
    assert_agrees(live, order)
