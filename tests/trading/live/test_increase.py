"""Increases with real money: once at the venue whatever is lost, and the position is what the venue's trade is."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import Settings

from feeds.models import Market
from risk import execution_mode, trading_state
from risk.execution_mode import ExecutionMode
from risk.trading_state import TradingState
from tests.factories import make_market
from tests.trading.conftest import SetPrice
from tests.trading.live.world import LIVE, LiveTrader, claimed, fault, later, look, settle
from tests.trading.people import buttons, words
from tests.trading.pipeline import assert_books_balance
from tests.waiting import wait_until
from trading import execution, invariants, reconciliation, venue_accounts
from trading.models import Attempt, Fill, Intent, Order, Position, PositionEvent, ShadowFill, VenueAlarm
from trading.venues.avantis import client, market_orders
from trading.venues.registry import VENUES

pytestmark = pytest.mark.django_db
D = Decimal
MORE = "/increase ETH 50"
GROWN = ("open", "increase")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    settings.PRICE_MAX_AGE_S = D(60)  # on a busy machine a position is not open within five seconds
    monkeypatch.setattr(client, "ACCEPT_WITHIN_S", 1.5)
    monkeypatch.setattr(market_orders, "PATIENCE", dt.timedelta(seconds=0.5))


def again(position: Position) -> Position:
    return Position.objects.select_related("market").get(pk=position.pk)


def assert_is_the_venues(live: LiveTrader, position: Position, *, kinds: tuple[str, ...] = GROWN) -> None:
    """What the venue did, once; and its trade, the row, the wallet and the ledger say the same."""
    assert [effect["kind"] for effect in live.effects] == list(kinds)
    nonces = [effect["nonce"] for effect in live.effects]
    assert len(set(nonces)) == len(nonces)
    (trade,) = live.state["positions"]
    held = again(position)
    assert D(trade["collateral"]) / 10**6 == held.collateral_usd
    assert D(trade["leverage"]) / 10**10 == pytest.approx(held.leverage, abs=D("0.0001"))
    assert D(trade["openPrice"]) / 10**10 == pytest.approx(held.entry_price, rel=D("1e-5"))
    assert live.booked == live.balance
    assert_books_balance()
    assert invariants.breaches() == []


def test_it_takes_two_taps_and_becomes_what_the_venue_says(live: LiveTrader, price: SetPrice) -> None:
    position = live.opened("/long ETH 100 10x sl=2900")
    live.sandbox.post("/control/price", symbol="ETH/USD", price="3030").raise_for_status()
    price("ETH/USD", "3030")
    preview = live.types("/increase ETH 50 5x")
    (first,) = [data for label, data in buttons(preview).items() if "Confirm" in label]
    asked = live.taps(first)
    assert "Real money" in words(asked)
    assert "Loss at stop 2,900.00" in words(asked)
    live.taps(buttons(asked)["💵 Yes, real money"])
    order = settle(live.orders[-1])
    fill = Fill.objects.get(order=order)
    assert (order.state, order.mode, order.position_id) == ("FILLED", "LIVE", position.pk)
    assert (fill.collateral_usd, fill.fee_usd) == (D("49.8875"), D("0.1125"))
    assert float(fill.notional_usd) == pytest.approx(250, abs=0.02)
    assert float(fill.price) == pytest.approx(3030.3, rel=1e-4)
    assert ShadowFill.objects.get(fill=fill).gap_rate < D("0.001")
    assert_is_the_venues(live, position)
    assert "PositionSizeIncreased" in live.answer(f"/why {order.pk}")


def test_reconciling_the_account_afterwards_finds_nothing_to_book(live: LiveTrader) -> None:
    position = live.opened()
    settle(live.approve(MORE))
    before = again(position)
    assert venue_accounts.reconcile_all() == 1
    assert not PositionEvent.objects.exists()
    assert again(position).collateral_usd == before.collateral_usd
    assert_is_the_venues(live, position)
    closing = settle(live.close(again(position)))
    assert closing.state == "FILLED"
    assert live.booked == live.balance
    assert_books_balance()


FAULTS: list[tuple[dict[str, Any], str]] = [
    ({"kind": "lost_accept"}, "FILLED"),
    ({"kind": "duplicate_events"}, "FILLED"),
    ({"kind": "reorder_events", "count": 1}, "FILLED"),
    ({"kind": "delay_events", "seconds": 0.3}, "FILLED"),
    ({"kind": "stream_timeout"}, "FILLED"),
    ({"kind": "forget_tracking"}, "FILLED"),
    ({"kind": "attempt_failed"}, "FILLED"),
    ({"kind": "error_after_fill"}, "FILLED"),
    ({"kind": "relay_timeout", "seconds": 0.3}, "FILLED"),
    ({"kind": "slow_execution", "seconds": 0.5}, "FILLED"),
    ({"kind": "canceled"}, "REJECTED"),
    ({"kind": "status", "status": 400, "count": 1}, "REJECTED"),
]


@pytest.mark.parametrize(("broken", "state"), FAULTS, ids=[repr(list(row[0].values())) for row in FAULTS])
def test_a_fault_of_the_venue(live: LiveTrader, broken: dict[str, Any], state: str) -> None:
    position = live.opened()
    order = live.approve(MORE)
    fault(live.sandbox, **broken)
    settle(order, within_s=30)
    assert order.state == state
    assert_is_the_venues(live, position, kinds=GROWN if state == "FILLED" else GROWN[:1])


def test_what_nobody_tells_shows_in_the_trade(live: LiveTrader) -> None:
    position = live.opened()
    order = live.approve(MORE)
    fault(live.sandbox, "error_after_fill")
    fault(live.sandbox, "status", service="history", status=500)
    fault(live.sandbox, "status", service="rpc", status=500, count=2)
    settle(order, within_s=30)
    assert order.state == "FILLED"
    assert float(Fill.objects.get(order=order).price) == pytest.approx(3000.3, rel=1e-3)
    assert_is_the_venues(live, position)


def test_an_increase_that_never_arrived_expires_and_takes_nothing(live: LiveTrader) -> None:
    position = live.opened()
    order = live.approve(MORE)
    fault(live.sandbox, "drop", when="before")
    look()
    with later(live.sandbox, 90):
        settle(order)
    assert (order.state, order.reason) == ("EXPIRED", "never_executed")
    assert_is_the_venues(live, position, kinds=GROWN[:1])


def test_it_is_never_sent_again_while_trading_stops(live: LiveTrader) -> None:
    position = live.opened()
    order = live.approve(MORE)
    fault(live.sandbox, "drop", when="before", count=1)
    execution.drain(modes=LIVE)
    trading_state.change(TradingState.HALTED, actor="test", reason="a test")
    look()
    with later(live.sandbox, 90):
        settle(order)
    assert (order.state, Attempt.objects.filter(intent__order=order).count()) == ("EXPIRED", 1)
    assert_is_the_venues(live, position, kinds=GROWN[:1])


@pytest.mark.parametrize(
    "broken",
    [
        {"t.timestamp": "1"},
        {"t.initialPosToken": "149550001"},
    ],
    ids=repr,
)
def test_a_fill_that_is_not_the_orders_is_not_booked_until_its_effect_shows(
    live: LiveTrader, broken: dict[str, Any]
) -> None:
    position = live.opened()
    order = live.approve(MORE)
    fault(live.sandbox, "tamper", set=broken, event="PositionSizeIncreased")
    settle(order, within_s=30)
    assert VenueAlarm.objects.get(kind="disputed_fill").subject == f"order {order.pk}"
    assert order.state == "FILLED"
    assert_is_the_venues(live, position)


def test_killed_before_and_after_it_left(live: LiveTrader) -> None:
    position = live.opened()
    order = claimed(live.approve(MORE))
    assert len(live.effects) == 1
    VENUES["LIVE"].submit([order.intent])
    settle(order)
    assert (order.state, Attempt.objects.filter(intent__order=order).count()) == ("FILLED", 1)
    assert_is_the_venues(live, position)


def test_increases_of_a_position_leave_one_at_a_time(live: LiveTrader) -> None:
    position = live.opened()
    first, second = live.approve(MORE), live.approve(MORE)
    fault(live.sandbox, "slow_execution", seconds=0.5, count=1)
    look()
    second.refresh_from_db()
    assert second.state == "APPROVED"
    settle(first)
    settle(second)
    assert (first.state, second.state) == ("FILLED", "FILLED")
    assert_is_the_venues(live, position, kinds=(*GROWN, "increase"))


@pytest.mark.parametrize("share", ["0.5", "1"])
def test_a_closing_never_waits_for_an_increase_and_the_books_end_as_the_venue(live: LiveTrader, share: str) -> None:
    """The venue adds to the trade and then closes what there was; we hear of the closing first."""
    position = live.opened()
    order = claimed(live.approve(MORE))
    closing = live.close(position, D(share))
    fault(live.sandbox, "error_after_fill", count=1)
    VENUES["LIVE"].submit([order.intent])
    wait_until(lambda: len(live.effects) == 2, 15, "the venue has added to it")
    (taken,) = execution.claim(reductions_only=True, modes=LIVE)
    execution.carry_out([taken])

    def is_booked() -> bool:
        VENUES["LIVE"].ask([taken.intent])
        reconciliation.reconcile(taken)
        closing.refresh_from_db()
        return closing.state == "FILLED"

    wait_until(is_booked, 15, "the closing is booked, alone")
    assert again(position).status == ("closed" if share == "1" else "open")
    assert settle(order, within_s=30).state == "FILLED"
    assert Fill.objects.get(order=closing).pk < Fill.objects.get(order=order).pk
    assert again(position).status == "open"
    venue_accounts.reconcile_all()
    assert_is_the_venues(live, position, kinds=(*GROWN, "close"))


def test_a_trade_that_ended_meanwhile_is_not_added_to(live: LiveTrader) -> None:
    position = live.opened()
    order = live.approve(MORE)
    name = {"trader": live.wallet, "pairIndex": 0, "index": position.venue_index}
    live.sandbox.post("/control/venue/close", **name).raise_for_status()
    settle(order)
    assert (order.state, order.reason) == ("REJECTED", "canceled_by_venue:NoTrade")
    venue_accounts.reconcile_all()
    assert again(position).status == "closed"
    assert live.booked == live.balance
    assert_books_balance()


def test_without_the_switch_or_above_the_canary_a_live_position_is_not_increased(
    live: LiveTrader, settings: Settings
) -> None:
    live.opened()
    settings.CANARY_MAX_NOTIONAL_USD = 499
    live.types(MORE)
    assert live.orders[-1].reason == "canary"
    settings.CANARY_MAX_NOTIONAL_USD = 500
    order = live.drafts(MORE)
    execution_mode.change(ExecutionMode.DRY, actor="test", reason="a test")
    assert "LIVE has been switched off" in words(live.taps(f"live:{order.pk}"))
    live.types(MORE)
    assert (live.orders[-1].mode, live.orders[-1].reason) == ("LIVE", "live_switched_off")


def test_an_upside_trade_is_increased_by_the_same_kind_of_order(live: LiveTrader, eth: Market, price: SetPrice) -> None:
    make_market("ETH_UPSIDE/USD", pair_index=106, price_symbol="ETH/USD")
    position = live.opened("/long ETH_UPSIDE 10 100x")
    order = settle(live.approve("/increase ETH_UPSIDE 10"))
    assert (order.state, Fill.objects.get(order=order).fee_usd) == ("FILLED", D(0))
    assert Intent.objects.get(order=order).payload["order_type"] == 9
    assert Order.objects.filter(kind="increase").count() == 1
    assert_is_the_venues(live, position)
