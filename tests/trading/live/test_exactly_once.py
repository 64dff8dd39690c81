"""Whatever is lost, doubled or delayed: the venue executes an order once at most, and the books know which."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
import time_machine

from risk import trading_state
from risk.trading_state import TradingState
from tests.trading.live.world import LIVE, LiveTrader, assert_agrees, claimed, fault, later, look, settle
from tests.trading.pipeline import assert_books_balance
from tests.waiting import wait_until
from trading import execution, venue_accounts
from trading.models import Attempt, Intent, VenueAlarm, VenueEvent
from trading.venues.avantis import client
from trading.venues.registry import VENUES
from vanta import clock

pytestmark = pytest.mark.django_db
D = Decimal


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "ACCEPT_WITHIN_S", 1.5)


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"kind": "lost_accept"}, "FILLED"),
    ({"kind": "drop", "when": "before", "count": 1}, "FILLED"),
    ({"kind": "drop", "when": "after", "count": 1}, "FILLED"),
    ({"kind": "status", "status": 502, "when": "before", "count": 1}, "FILLED"),
    ({"kind": "status", "status": 502, "when": "after", "count": 1}, "FILLED"),
    ({"kind": "status", "status": 409, "when": "after", "count": 1}, "FILLED"),
    ({"kind": "rate_limit", "count": 1}, "FILLED"),
    ({"kind": "garbage", "count": 1}, "FILLED"),
    ({"kind": "hang", "seconds": 3, "when": "after", "count": 1}, "FILLED"),
    ({"kind": "truncated", "count": 1}, "FILLED"),
    ({"kind": "duplicate_events"}, "FILLED"),
    ({"kind": "reorder_events", "count": 1}, "FILLED"),
    ({"kind": "delay_events", "seconds": 1}, "FILLED"),
    ({"kind": "stream_timeout"}, "FILLED"),
    ({"kind": "forget_tracking"}, "FILLED"),
    ({"kind": "attempt_failed"}, "FILLED"),
    ({"kind": "error_after_fill"}, "FILLED"),
    ({"kind": "relay_timeout", "seconds": 1}, "FILLED"),
    ({"kind": "slow_execution", "seconds": 2}, "FILLED"),
    ({"kind": "canceled"}, "REJECTED"),
]


@pytest.mark.parametrize(("broken", "state"), FAULTS, ids=[repr(list(row[0].values())) for row in FAULTS])
def test_a_fault_of_the_venue(live: LiveTrader, broken: dict[str, Any], state: str) -> None:
    order = live.approve()
    fault(live.sandbox, **broken)
    settle(order, within_s=30)
    assert order.state == state
    assert_agrees(live, order)


def test_a_refusal_of_the_only_attempt_ends_the_order(live: LiveTrader) -> None:
    order = live.approve()
    fault(live.sandbox, "status", status=400, count=1)
    settle(order)
    assert (order.state, order.reason) == ("REJECTED", "venue_refused")
    assert VenueAlarm.objects.filter(kind="refused").exists()
    assert_agrees(live, order)


def test_a_refusal_of_the_second_attempt_proves_nothing(live: LiveTrader) -> None:
    order = live.approve()
    fault(live.sandbox, "status", status=502, when="after", count=1)
    look()
    fault(live.sandbox, "status", status=400, count=1)
    settle(order)
    assert order.state == "FILLED"
    assert_agrees(live, order)


def test_an_order_that_never_arrived_expires_by_the_chains_time(live: LiveTrader) -> None:
    order = live.approve()
    fault(live.sandbox, "drop", when="before")
    look()
    order.refresh_from_db()
    assert order.state == "UNKNOWN"
    with later(live.sandbox, 90):
        settle(order)
    assert (order.state, order.reason) == ("EXPIRED", "never_executed")
    assert_agrees(live, order)


@pytest.mark.parametrize(
    "broken",
    [
        {"service": "rpc", "kind": "frozen"},
        {"service": "rpc", "kind": "status", "status": 503},
        {"service": "tx-builder", "kind": "status", "status": 500},
        {"service": "tx-builder", "kind": "tamper", "set": {"data.used": "no"}},
        {"service": "rpc", "kind": "tamper", "set": {"result.timestamp": "0xffffffffff"}},
        {"service": "core", "kind": "status", "status": 500},
    ],
    ids=repr,
)
def test_what_cannot_be_trusted_expires_nothing(live: LiveTrader, broken: dict[str, Any]) -> None:
    order = live.approve()
    fault(live.sandbox, "drop", when="before")
    execution.drain(modes=LIVE)
    fault(live.sandbox, **broken)
    with later(live.sandbox, 90):
        for _ in range(2):
            look()
        order.refresh_from_db()
        assert order.state == "UNKNOWN"
        live.sandbox.control.delete("/control/faults")
        settle(order)
    assert order.state == "EXPIRED"
    assert_agrees(live, order)


def test_an_effect_is_believed_before_an_unused_nonce_until_the_node_cannot_be_behind(live: LiveTrader) -> None:
    order = live.approve()
    fault(live.sandbox, "lost_accept", count=1)
    fault(live.sandbox, "tamper", service="tx-builder", set={"data.used": False})
    execution.drain(modes=LIVE)
    trading_state.change(TradingState.REDUCING, actor="test", reason="no second submission")
    wait_until(lambda: live.effects, 10, "the venue has executed it")
    with later(live.sandbox, 90):
        look()
        order.refresh_from_db()
        assert order.state == "UNKNOWN"
        assert VenueAlarm.objects.filter(kind="disputed_fill").exists()
        live.sandbox.control.delete("/control/faults")
        settle(order)
    assert order.state == "FILLED"
    assert_agrees(live, order)


def test_a_closing_that_never_arrived_expires_though_its_trade_has_ended(live: LiveTrader) -> None:
    position = live.opened()
    order = live.close(position)
    fault(live.sandbox, "drop", when="before")
    execution.drain(modes=LIVE)
    name = {"trader": live.wallet, "pairIndex": 0, "index": position.venue_index}
    live.sandbox.post("/control/venue/liquidate", **name).raise_for_status()
    with later(live.sandbox, 90):
        settle(order)
    assert order.state == "EXPIRED"
    venue_accounts.reconcile_all()
    position.refresh_from_db()
    assert position.status == "liquidated"
    assert live.booked == live.balance
    assert_books_balance()


def test_the_local_clock_expires_nothing(live: LiveTrader) -> None:
    order = live.approve()
    fault(live.sandbox, "drop", when="before")
    look()
    with time_machine.travel(clock.now() + dt.timedelta(minutes=3), tick=True):
        look()
        order.refresh_from_db()
        assert order.state == "UNKNOWN"
        assert VenueAlarm.objects.get(kind="unknown_order").subject == f"order {order.pk}"
        look()
        assert VenueAlarm.objects.filter(kind="unknown_order").count() == 1


def test_killed_before_anything_left(live: LiveTrader) -> None:
    order = claimed(live.approve())
    assert (Intent.objects.count(), Attempt.objects.count(), live.effects) == (1, 1, [])
    settle(order)
    assert order.state == "FILLED"
    assert_agrees(live, order)


def test_killed_after_sending_before_the_answer_was_stored(live: LiveTrader, monkeypatch: pytest.MonkeyPatch) -> None:
    order = claimed(live.approve())
    with monkeypatch.context() as patched:
        patched.setattr("trading.venues.avantis.market_orders._keep_first", lambda *_: 1 / 0)
        patched.setattr("trading.venues.avantis.market_orders._keep_answer", lambda *_: None)
        VENUES["LIVE"].submit([order.intent])
    assert not VenueEvent.objects.exists()
    settle(order)
    assert order.state == "FILLED"
    assert_agrees(live, order)


def test_killed_after_the_venue_took_it(live: LiveTrader) -> None:
    order = claimed(live.approve())
    VENUES["LIVE"].submit([order.intent])
    settle(order)
    assert (order.state, Attempt.objects.count()) == ("FILLED", 1)
    assert_agrees(live, order)


def test_the_identical_bytes_are_sent_again_and_no_others(live: LiveTrader) -> None:
    order = live.approve()
    fault(live.sandbox, "drop", when="before", count=2)
    settle(order)
    assert Attempt.objects.count() >= 3
    kept = Intent.objects.get()
    assert live.effects[0]["digest"] == kept.payload["digest"]
    assert live.effects[0]["nonce"] == kept.nonce


@pytest.mark.parametrize("state", [TradingState.REDUCING, TradingState.HALTED])
def test_an_opening_is_never_sent_again_while_trading_stops(live: LiveTrader, state: TradingState) -> None:
    order = live.approve()
    fault(live.sandbox, "drop", when="before", count=1)
    execution.drain(modes=LIVE)
    trading_state.change(state, actor="test", reason="a test")
    look()
    with later(live.sandbox, 90):
        settle(order)
    assert (order.state, Attempt.objects.count()) == ("EXPIRED", 1)
    assert_agrees(live, order)


@pytest.mark.parametrize(
    "broken",
    [
        {"t.trader": "0x" + "b2" * 20},
        {"t.pairIndex": "1"},
        {"t.buy": False},
        {"t.initialPosToken": "100000001"},
        {"price": "1"},
    ],
    ids=repr,
)
def test_a_fill_that_is_not_the_orders_is_not_booked_until_its_effect_shows(
    live: LiveTrader, broken: dict[str, Any]
) -> None:
    order = live.approve()
    fault(live.sandbox, "tamper", set=broken, event="MarketOrderExecuted")
    settle(order, within_s=30)
    assert VenueAlarm.objects.get(kind="disputed_fill").subject == f"order {order.pk}"
    assert order.state == "FILLED"
    assert_agrees(live, order)


def test_two_openings_of_one_market_are_never_under_way_at_once(live: LiveTrader) -> None:
    first, second = live.approve(), live.approve()
    fault(live.sandbox, "slow_execution", seconds=1.5, count=1)
    look()
    second.refresh_from_db()
    assert second.state == "APPROVED"
    settle(first)
    settle(second)
    assert (first.state, second.state, len(live.effects)) == ("FILLED", "FILLED", 2)
    assert live.booked == live.balance
