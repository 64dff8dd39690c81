"""Limit orders with real money: placed, filled and taken back once or never, whatever is lost on the way."""

import datetime as dt
from decimal import Decimal
from typing import Any

import httpx
import pytest
from django.conf import settings

from risk import trading_state
from risk.trading_state import TradingState
from tests.factories import make_order
from tests.trading.live.world import LIVE, LiveTrader, claimed, fault, later, look, make_due, settle
from tests.trading.pipeline import assert_books_balance
from tests.waiting import wait_until
from trading import execution, invariants, venue_accounts
from trading.allowance import allowance_left
from trading.models import Attempt, Delegate, Fill, Order, Position, Receipt, ShadowFill, VenueAlarm
from trading.models.traders import Mode
from trading.order_state import OrderState
from trading.services import canceling, placing
from trading.services.orders import Origin
from trading.telegram import cards
from trading.venues.avantis import cancels, client, limit_orders, passthrough
from vanta import clock

pytestmark = pytest.mark.django_db
D = Decimal


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "ACCEPT_WITHIN_S", 1.5)
    monkeypatch.setattr(passthrough, "PATIENCE", dt.timedelta(seconds=2))
    for module in (limit_orders, cancels):
        monkeypatch.setattr(module, "SETTLED_AFTER_S", 0)  # the sandbox's books are the chain's


def place(live: LiveTrader, price: Any = 2900, **changes: Any) -> Order:
    """An approved limit order that nothing has asked about: a long of 100 USDC at 10x, below the market."""
    terms: dict[str, Any] = {"order_type": Order.Type.LIMIT, "limit_price": D(price), "mode": Mode.LIVE}
    order = make_order(trader=live.trader, **{**terms, **changes})
    placing.approve(order)
    return order


def until(order: Order, state: OrderState, within_s: float = 15) -> Order:
    """Let the signing worker work until the order is in this state."""

    def is_there() -> bool:
        look()
        order.refresh_from_db()
        return order.state == state

    wait_until(is_there, within_s, f"{order} is {state}")
    return order


def rested(live: LiveTrader, price: Any = 2900, **changes: Any) -> Order:
    return until(place(live, price, **changes), OrderState.RESTING)


def cancel(live: LiveTrader, order: Order) -> Order:
    return canceling.cancel_resting(trader=live.trader, order_id=order.pk, origin=Origin(chat_id=live.id))


def at_venue(live: LiveTrader, what: str = "limit", index: int = 0) -> None:
    """Fill what rests at the venue."""
    told = {"trader": live.wallet, "pairIndex": 0, "index": index, "what": what}
    live.sandbox.post("/control/venue/trigger", **told).raise_for_status()


def assert_agrees(live: LiveTrader, kinds: list[str]) -> None:
    """What the venue's journal has is this, and the money is where the books say: here, there, and in between."""
    assert [effect["kind"] for effect in live.effects] == kinds
    assert live.booked == live.balance
    assert invariants.breaches() == []
    assert_books_balance()
    before = Order.objects.count()
    assert venue_accounts.reconcile_all() == 1
    assert (live.booked, Order.objects.count()) == (live.balance, before)  # nothing was left to be explained


@pytest.mark.parametrize(
    ("terms", "wire"),
    [
        ({"limit_price": D(2900), "stop_loss": D(2800), "take_profit": D(3300)}, ("2", True)),
        ({"limit_price": D(3100), "side": "short"}, ("2", False)),
        ({"limit_price": D(3100), "order_type": "stop_limit"}, ("1", True)),
    ],
    ids=["limit long", "limit short", "stop-limit long"],
)
def test_an_order_rests_as_it_was_ordered_and_is_filled_by_the_venue(
    live: LiveTrader, terms: dict[str, Any], wire: tuple[str, bool]
) -> None:
    order = rested(live, **terms)
    (held,) = live.state["limitOrders"]
    levels = {"price": "limit_price", "tp": "take_profit", "sl": "stop_loss"}
    assert {name: D(held[name]) / 10**10 for name in levels} == {n: getattr(order, v) or 0 for n, v in levels.items()}
    assert (str(held["orderType"]), held["buy"]) == wire
    assert (order.placement.venue_order_id, order.placement.escrow_usd) == (held["orderId"], D(100))
    assert (live.booked, live.effects[0]["nonce"]) == (D(9900), order.intent.nonce)
    assert_agrees(live, ["limit_place"])

    at_venue(live)
    settle(order)

    position = Position.objects.get(orders=order)
    assert (order.state, position.collateral_usd, position.stop_loss) == ("FILLED", D("99.55"), order.stop_loss)
    assert (position.entry_price, Fill.objects.get().fee_usd) == (order.limit_price, D("0.45"))
    assert Receipt.objects.filter(fill__order=order).exists()
    assert not ShadowFill.objects.exists()
    assert_agrees(live, ["limit_place", "limit_fill"])


def test_a_cancel_takes_the_order_back_and_both_end(live: LiveTrader) -> None:
    Delegate.objects.update(allowance_usd=D(500), funds_read_at=clock.now())
    order = rested(live)
    assert allowance_left(Delegate.objects.get()) == D(400)
    taken_back = settle(cancel(live, order))
    order.refresh_from_db()
    assert (order.state, order.reason, taken_back.state) == ("CANCELED", "canceled_by_trader", "FILLED")
    assert live.effects[1]["nonce"] == taken_back.intent.nonce
    assert_agrees(live, ["limit_place", "limit_cancel"])


FAULTS: list[dict[str, Any]] = [
    {"kind": "relay_timeout", "seconds": 1},
    {"kind": "forget_tracking"},
    {"kind": "not_applied", "count": 1},
    {"kind": "drop", "when": "after", "count": 1, "match": "/relays"},
    {"kind": "status", "status": 502, "when": "after", "count": 1, "match": "/relays"},
]


@pytest.mark.parametrize("broken", FAULTS, ids=[repr(list(row.values())[:3]) for row in FAULTS])
def test_a_fault_of_the_relayer_at_the_placing_and_at_the_cancel(live: LiveTrader, broken: dict[str, Any]) -> None:
    order = place(live)
    fault(live.sandbox, service="blitz", **broken)
    until(order, OrderState.RESTING, within_s=30)
    live.sandbox.control.delete("/control/faults")
    fault(live.sandbox, service="blitz", **broken)
    assert settle(cancel(live, order), within_s=30).state == "FILLED"
    assert_agrees(live, ["limit_place", "limit_cancel"])


def test_what_is_handed_over_twice_is_placed_and_taken_back_once(live: LiveTrader) -> None:
    order = rested(live)
    relayed_again(live, order)
    taken_back = settle(cancel(live, order))
    relayed_again(live, taken_back)
    wait_until(lambda: len(declined(live, taken_back)) == 2, 5, "both have reverted")
    assert declined(live, taken_back) == ["UnauthorizedCaller"] * 2
    assert_agrees(live, ["limit_place", "limit_cancel"])


def relayed_again(live: LiveTrader, order: Order) -> None:
    """Somebody who has the order's bytes hands them to the relayer once more."""
    body = {"txParams": order.intent.payload["tx_params"], "wallet": live.wallet}
    httpx.post(f"{settings.VERANTA_API_BASE_URL}/blitz/relays", json=body).raise_for_status()


def declined(live: LiveTrader, order: Order) -> list[str]:
    found = live.sandbox.get("/control/venue/journal", trader=order.intent.payload["signer"]).json()["declined"]
    return [row["reason"] for row in found]


def test_workers_killed_before_they_send_leave_what_is_sent_later(live: LiveTrader) -> None:
    order = claimed(place(live))
    assert (live.effects, Attempt.objects.filter(intent__order=order).count()) == ([], 1)
    until(order, OrderState.RESTING)
    taken_back = claimed(cancel(live, order))
    assert settle(taken_back).state == "FILLED"
    assert_agrees(live, ["limit_place", "limit_cancel"])


def test_what_the_venue_reverts_never_rested(live: LiveTrader) -> None:
    order = settle(place(live, leverage=D(80)), within_s=30)
    assert (order.state, order.reason, declined(live, order)) == (
        "REJECTED",
        "reverted_by_venue",
        ["LeverageIncorrect"],
    )
    assert_agrees(live, [])


def test_an_order_that_was_filled_before_anybody_saw_it_rest(live: LiveTrader) -> None:
    order = claimed(place(live))
    relayed_again(live, order)
    wait_until(lambda: len(live.effects) == 1, 5, "it is placed")
    live.sandbox.post("/control/price", symbol="ETH/USD", price="2890").raise_for_status()
    settle(order)
    assert order.state == "FILLED"
    assert D(2890) < Position.objects.get(orders=order).entry_price < D(2900)
    assert_agrees(live, ["limit_place", "limit_fill"])


def test_an_order_whose_trade_was_closed_before_anybody_heard_of_its_fill(live: LiveTrader) -> None:
    order = rested(live)
    at_venue(live)
    live.sandbox.post("/control/venue/close", trader=live.wallet, pairIndex=0, index=0).raise_for_status()
    settle(order)
    assert order.state == "FILLED"
    assert venue_accounts.reconcile_all() == 1
    assert Position.objects.get(orders=order).status == "closed"
    assert_agrees(live, ["limit_place", "limit_fill", "close"])


@pytest.mark.parametrize("state", [TradingState.REDUCING, TradingState.HALTED])
def test_a_stop_takes_back_what_rests_and_makes_unusable_what_is_on_its_way(
    live: LiveTrader, state: TradingState
) -> None:
    order, late = rested(live), place(live, 2800)
    fault(live.sandbox, "drop", service="blitz", when="before", count=1, match="/relays")
    make_due()
    execution.drain(modes=LIVE)
    trading_state.change(state, actor="test", reason="a test")
    assert canceling.cancel_unwanted() == 1

    settle(late, within_s=30)
    settle(Order.objects.get(cancels=order))

    order.refresh_from_db()
    assert (late.state, order.state, order.reason) == ("EXPIRED", "CANCELED", f"trading_{state.value}")
    assert_agrees(live, ["limit_place", "limit_cancel"])


def test_a_cancel_that_nobody_can_sign_waits_and_a_person_is_told(live: LiveTrader) -> None:
    order = rested(live)
    live.delegate.end(Delegate.Status.REVOKED, "by_trader")
    live.delegate.save(update_fields=Delegate.ENDING)
    taken_back = cancel(live, order)
    execution.drain(modes=LIVE)
    taken_back.refresh_from_db()
    assert (taken_back.state, canceling.cancel_unwanted()) == ("APPROVED", 0)
    assert "/connect again, or cancel it at the venue" in cards.order_card(order)["text"]
    assert VenueAlarm.objects.filter(kind="key", subject=f"order {taken_back.pk}").exists()
    live.connect()
    assert settle(taken_back).state == "FILLED"


def test_a_cancel_that_comes_after_the_fill_is_rejected_and_the_order_is_filled(live: LiveTrader) -> None:
    order = rested(live)
    taken_back = claimed(cancel(live, order))
    at_venue(live)
    settle(taken_back, within_s=30)
    settle(order)
    assert (order.state, taken_back.state, taken_back.reason) == ("FILLED", "REJECTED", "already_filled")
    assert_agrees(live, ["limit_place", "limit_fill"])


def test_a_cancel_that_never_arrived_leaves_the_order_resting(live: LiveTrader) -> None:
    order = rested(live)
    taken_back = cancel(live, order)
    fault(live.sandbox, "drop", service="blitz", when="before", match="/relays")
    look()
    with later(live.sandbox, 50):
        live.sandbox.control.delete("/control/faults")
        settle(taken_back, within_s=30)
        look()
        order.refresh_from_db()
        assert (taken_back.state, order.state) == ("EXPIRED", "RESTING")
        assert_agrees(live, ["limit_place"])


@pytest.mark.parametrize("is_history_there", [True, False])
def test_an_order_that_its_owner_took_back_at_the_venue(live: LiveTrader, is_history_there: bool) -> None:
    order = rested(live)
    if not is_history_there:
        fault(live.sandbox, "status", service="history", status=500)
    live.sandbox.post("/control/venue/cancel", trader=live.wallet, pairIndex=0, index=0).raise_for_status()
    assert not venue_accounts.reconcile(live.trader, live.wallet)  # its own look comes first: no deposit
    settle(order)
    assert (order.state, order.reason) == ("CANCELED", "canceled_at_venue")
    assert_agrees(live, ["limit_place", "limit_cancel"])


def test_an_order_that_an_answer_does_not_show_rests_on_and_a_person_is_told_later(live: LiveTrader) -> None:
    order = rested(live)
    fault(live.sandbox, "tamper", service="core", set={"limitOrders": []})
    look()
    assert not VenueAlarm.objects.exists()
    with later(live.sandbox, 130):
        live.sandbox.control.delete("/control/faults")
        fault(live.sandbox, "status", service="core", status=500)
        look()
        assert not VenueAlarm.objects.exists()  # nobody was told anything
        live.sandbox.control.delete("/control/faults")
        fault(live.sandbox, "tamper", service="core", set={"limitOrders": []})
        look()
        order.refresh_from_db()
        assert (order.state, VenueAlarm.objects.get().subject) == ("RESTING", f"order {order.pk}")
        live.sandbox.control.delete("/control/faults")
        look()
        assert not VenueAlarm.objects.exists()
        assert_agrees(live, ["limit_place"])
