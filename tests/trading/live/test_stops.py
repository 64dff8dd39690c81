"""Stop and take-profit of a LIVE position: whatever is lost, they change once at most, and the books know."""

from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest

from risk import trading_state
from risk.trading_state import TradingState
from tests.trading.live.world import LIVE, LiveTrader, claimed, fault, later, look, settle
from tests.trading.test_stops import change, levels_of
from trading import execution, venue_accounts
from trading.models import Attempt, Order, Position, VenueAlarm
from trading.services.decisions import venue_refuses
from trading.venues.avantis import client, messages
from trading.venues.registry import VENUES
from vanta import clock

pytestmark = pytest.mark.django_db
OPENING = "/long ETH 100 10x sl=2900"


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "ACCEPT_WITHIN_S", 1.5)


@pytest.fixture
def position(live: LiveTrader) -> Position:
    return live.opened(OPENING)


def changes(live: LiveTrader) -> list[tuple[str, str]]:
    """What the venue has changed, by its own journal: nonce and stop."""
    return [(effect["nonce"], effect["stopLoss"]) for effect in live.effects if effect["kind"] == "tp_sl"]


def assert_agrees(live: LiveTrader, order: Order) -> None:
    """The venue has made this change once, or not at all, and position and books hold what it holds."""
    wanted = [(order.intent.nonce, str(int((order.stop_loss or 0) * 10**10)))] if order.state == "FILLED" else []
    assert changes(live) == wanted
    (held,) = live.state["positions"]
    position = Position.objects.get(orders=order)
    assert D(held["sl"]) / 10**10 == (position.stop_loss or 0)
    assert position.take_profit in (None, D(held["tp"]) / 10**10)
    assert live.booked == live.balance


@pytest.mark.parametrize(
    ("sl", "tp", "stops"),
    [
        ("2950", "3300", (2950, 3300)),
        (None, "3300.0000000001", (None, D("3300.0000000001"))),
        ("2950", None, (2950, None)),
    ],
)
def test_both_levels_are_changed_by_one_message(
    live: LiveTrader, sl: str | None, tp: str | None, stops: tuple[Any, Any]
) -> None:
    position = live.opened(OPENING + " tp=3200")
    order = settle(change(live, position, sl=sl, tp=tp))
    position.refresh_from_db()
    assert (order.state, position.stop_loss, position.take_profit) == ("FILLED", *stops)
    assert Attempt.objects.filter(intent__order=order).count() == 1
    assert_agrees(live, order)
    venue_accounts.reconcile_all()
    position.refresh_from_db()
    assert (position.stop_loss, position.take_profit) == stops


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"kind": "drop", "when": "before", "count": 1}, "FILLED"),
    ({"kind": "drop", "when": "after", "count": 1}, "FILLED"),
    ({"kind": "status", "status": 503, "when": "before", "count": 1}, "FILLED"),
    ({"kind": "status", "status": 502, "when": "after", "count": 1}, "FILLED"),
    ({"kind": "status", "status": 409, "when": "after", "count": 1}, "FILLED"),
    ({"kind": "garbage", "count": 1}, "FILLED"),
    ({"kind": "truncated", "count": 1}, "FILLED"),
    ({"kind": "hang", "seconds": 3, "when": "after", "count": 1}, "FILLED"),
    ({"kind": "status", "status": 400, "when": "before", "count": 1}, "REJECTED"),
]


@pytest.mark.parametrize(("broken", "state"), FAULTS, ids=[repr(list(row[0].values())) for row in FAULTS])
def test_a_fault_of_core(live: LiveTrader, position: Position, broken: dict[str, Any], state: str) -> None:
    order = change(live, position, sl="2950")
    fault(live.sandbox, service="core", match="price-triggers", **broken)
    settle(order)
    assert order.state == state
    assert_agrees(live, order)


def test_what_never_arrived_expires_by_the_chains_time(live: LiveTrader, position: Position) -> None:
    order = change(live, position, sl="2950")
    fault(live.sandbox, "drop", service="core", match="price-triggers")
    look()
    order.refresh_from_db()
    assert order.state == "UNKNOWN"
    with later(live.sandbox, 90):
        settle(order)
    assert (order.state, order.reason) == ("EXPIRED", "never_executed")
    assert_agrees(live, order)


@pytest.mark.parametrize("service", ["tx-builder", "rpc", "core"])
def test_without_proof_nothing_ends(live: LiveTrader, position: Position, service: str) -> None:
    order = change(live, position, sl="2950")
    fault(live.sandbox, "drop", service="core", match="price-triggers", when="after", count=1)
    execution.drain(modes=LIVE)
    fault(live.sandbox, "status", service=service, status=500)
    look()
    order.refresh_from_db()
    assert order.state == "UNKNOWN"
    live.sandbox.control.delete("/control/faults")
    settle(order)
    assert order.state == "FILLED"
    assert_agrees(live, order)


def test_killed_between_the_claim_and_the_put(live: LiveTrader, position: Position) -> None:
    order = claimed(change(live, position, sl="2950"))
    assert (order.intent.attempts.count(), changes(live)) == (1, [])
    settle(order)
    assert order.state == "FILLED"
    assert_agrees(live, order)


def test_killed_after_the_put_before_the_answer_was_stored(live: LiveTrader, position: Position) -> None:
    order = claimed(change(live, position, sl="2950"))
    VENUES["LIVE"].submit([order.intent])
    Attempt.objects.filter(intent=order.intent).update(outcome="", finished_at=None)
    settle(order)
    assert (order.state, order.intent.attempts.count()) == ("FILLED", 1)
    assert_agrees(live, order)


def test_whoever_was_paused_sends_nothing(live: LiveTrader, position: Position) -> None:
    order = claimed(change(live, position, sl="2950"))
    VENUES["LIVE"].submit([order.intent], start_by=clock.monotonic() - 1)
    assert changes(live) == []


def test_the_same_bytes_twice_change_it_once(live: LiveTrader, position: Position) -> None:
    order = claimed(change(live, position, sl="2950"))
    for _ in range(2):
        VENUES["LIVE"].submit([order.intent])
    settle(order)
    assert (order.state, order.intent.attempts.count()) == ("FILLED", 2)
    assert_agrees(live, order)


def test_the_venues_refusal_is_told_and_stops_no_openings(live: LiveTrader, position: Position) -> None:
    live.sandbox.post("/control/price", symbol="ETH/USD", price="2940").raise_for_status()
    for stop in ("2950", "2960", "2970"):
        order = settle(change(live, position, sl=stop))
        assert (order.state, order.reason) == ("REJECTED", "venue_refused:WrongSl")
        assert_agrees(live, order)
    assert not venue_refuses()


@pytest.mark.parametrize("is_sent", [False, True])
def test_a_position_that_ended_meanwhile(live: LiveTrader, position: Position, is_sent: bool) -> None:
    order = change(live, position, sl="2950")
    if is_sent:
        fault(live.sandbox, "drop", service="core", match="price-triggers", when="after", count=1)
        execution.drain(modes=LIVE)
    name = {"trader": live.wallet, "pairIndex": 0, "index": position.venue_index}
    live.sandbox.post("/control/venue/liquidate", **name).raise_for_status()
    settle(order)
    assert (order.state, order.reason) == ("REJECTED", "position_closed")
    venue_accounts.reconcile_all()
    position.refresh_from_db()
    assert position.status == "liquidated"


def test_a_message_reaches_no_later_trade_at_the_same_place(live: LiveTrader, position: Position) -> None:
    order = claimed(change(live, position, sl="2950"))
    name = {"trader": live.wallet, "pairIndex": 0, "index": position.venue_index}
    live.sandbox.post("/control/venue/close", **name).raise_for_status()
    opening = live.approve("/long ETH 100 10x sl=2800")
    execution.drain(modes=LIVE)
    opening.refresh_from_db()
    assert opening.state == "APPROVED"  # it would take the place while the message lives
    with later(live.sandbox, 90):
        settle(order)
        settle(opening)
    assert (order.state, opening.state, changes(live)) == ("EXPIRED", "EXPIRED", [])


def test_changes_of_one_position_leave_one_at_a_time(live: LiveTrader, position: Position) -> None:
    first, second = change(live, position, sl="2950"), change(live, position, tp="3300")
    fault(live.sandbox, "drop", service="core", match="price-triggers", when="after", count=1)
    execution.drain(modes=LIVE)
    second.refresh_from_db()
    assert second.state == "APPROVED"
    settle(first)
    settle(second)
    assert [stop for _, stop in changes(live)] == ["29500000000000", "29500000000000"]
    position.refresh_from_db()
    assert levels_of(position) == (2950, 3300)


@pytest.mark.parametrize(
    ("state", "looser", "tighter"),
    [(TradingState.REDUCING, "CANCELED", "FILLED"), (TradingState.HALTED, "CANCELED", "CANCELED")],
)
def test_a_stop_of_trading_keeps_back_what_loosens(
    live: LiveTrader, position: Position, state: TradingState, looser: str, tighter: str
) -> None:
    for stop, end in (("2850", looser), ("2950", tighter)):
        order = change(live, position, sl=stop)
        trading_state.change(state, actor="test", reason="a test")
        assert settle(order).state == end
        trading_state.change(TradingState.ACTIVE, actor="test", reason="a test")


def test_a_used_nonce_without_its_stops_is_judged_and_told(live: LiveTrader, position: Position) -> None:
    order = change(live, position, sl="2950")
    fault(live.sandbox, "drop", service="core", match="price-triggers")
    look()
    fault(live.sandbox, "tamper", service="tx-builder", set={"data.used": True})
    with later(live.sandbox, 90):
        settle(order)
    assert (order.state, order.reason) == ("REJECTED", "canceled_by_venue")
    assert VenueAlarm.objects.get(kind="disputed_fill").subject == f"order {order.pk}"
    assert_agrees(live, order)


def test_account_reconciliation_writes_no_older_stops_over_newer(
    live: LiveTrader, position: Position, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = venue_accounts._ask

    def while_asking(*who: Any) -> Any:
        told = ask(*who)
        settle(change(live, position, sl="2950"))
        return told

    with monkeypatch.context() as patched:
        patched.setattr(venue_accounts, "_ask", while_asking)
        venue_accounts.reconcile_all()
    position.refresh_from_db()
    assert position.stop_loss == 2950


@pytest.mark.parametrize("term", ["index", "stop_loss"])
def test_nothing_is_signed_that_is_not_the_order(
    live: LiveTrader, position: Position, monkeypatch: pytest.MonkeyPatch, term: str
) -> None:
    build = messages.build

    def evil(terms: Any, domain: Any) -> Any:
        return build(replace(terms, **{term: getattr(terms, term) + 1}), domain)

    monkeypatch.setattr(messages, "build", evil)
    order = settle(change(live, position, sl="2950"))
    assert (order.state, order.reason, changes(live)) == ("CANCELED", "message_differs", [])
