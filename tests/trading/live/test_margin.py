"""Margin with real money: the venue moves it once or never, whatever is lost on the way, and the books know which."""

import datetime as dt
from decimal import Decimal
from typing import Any

import httpx
import pytest
from django.conf import settings
from pytest_django import Settings

from risk import trading_state
from risk.trading_state import TradingState
from tests.trading.conftest import SetPrice
from tests.trading.live.world import LIVE, LiveTrader, claimed, fault, later, look, make_due, settle
from tests.trading.pipeline import assert_books_balance
from tests.waiting import wait_until
from trading import execution, invariants, venue_accounts
from trading.history import transition
from trading.models import Attempt, Delegate, Intent, Order, Position, VenueAlarm
from trading.models.orders import K
from trading.order_state import OrderState
from trading.services import changing, decisions
from trading.services.orders import Origin
from trading.venues.avantis import client, margin_moves, passthrough, price_updates

pytestmark = pytest.mark.django_db
D = Decimal


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "ACCEPT_WITHIN_S", 1.5)
    monkeypatch.setattr(passthrough, "PATIENCE", dt.timedelta(seconds=2))
    monkeypatch.setattr(margin_moves, "SETTLED_AFTER_S", 0)  # the sandbox's books are the chain's


def effects(live: LiveTrader) -> list[str]:
    return [effect["kind"] for effect in live.effects][1:]  # the first one opened the position


def assert_moved(live: LiveTrader, order: Order, kinds: list[str]) -> None:
    """What the venue's journal has is what the order says, and the money is where the books say."""
    assert effects(live) == kinds, order.state
    position = Position.objects.get(orders=order)
    sign = {"margin_deposit": 1, "margin_withdraw": -1}
    assert position.collateral_usd == D("99.55") + sum(sign[kind] * order.collateral_usd for kind in kinds)
    assert live.booked == live.balance
    assert invariants.breaches() == []
    assert_books_balance()


def move(live: LiveTrader, position: Position, kind: Order.Kind = K.ADD_MARGIN, amount: Any = 50) -> Order:
    """An approved order that nothing has asked about."""
    held = changing.lock_open(live.trader, position.pk)
    order = changing.draft(held, kind, origin=Origin(chat_id=live.id), collateral_usd=D(amount))
    return changing.conclude(order, decisions.decide_reduction(held.market, held.side))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "effect", "leverage"),
    [(K.ADD_MARGIN, "margin_deposit", D("6.6566")), (K.TAKE_MARGIN, "margin_withdraw", D("20.09"))],
)
def test_margin_moves_and_both_sides_say_so(live: LiveTrader, kind: Order.Kind, effect: str, leverage: Decimal) -> None:
    position = live.opened()
    order = settle(move(live, position, kind))
    assert (order.state, Attempt.objects.filter(intent__order=order).count()) == ("FILLED", 1)
    assert_moved(live, order, [effect])
    position.refresh_from_db()
    assert position.leverage.quantize(leverage) == leverage
    assert live.effects[1]["nonce"] == order.intent.nonce
    assert venue_accounts.reconcile_all() == 1
    assert_moved(live, order, [effect])  # nothing was left to be explained


FAULTS: list[dict[str, Any]] = [
    {"kind": "relay_timeout", "seconds": 1},
    {"kind": "forget_tracking"},
    {"kind": "not_applied", "count": 1},
    {"kind": "drop", "when": "after", "count": 1, "match": "/relays"},
    {"kind": "status", "status": 502, "when": "after", "count": 1, "match": "/relays"},
]


@pytest.mark.parametrize("broken", FAULTS, ids=[repr(list(row.values())[:3]) for row in FAULTS])
def test_a_fault_of_the_relayer(live: LiveTrader, broken: dict[str, Any]) -> None:
    order = move(live, live.opened(), K.TAKE_MARGIN if broken.get("when") == "after" else K.ADD_MARGIN)
    fault(live.sandbox, service="blitz", **broken)
    settle(order, within_s=30)
    assert order.state == "FILLED"
    assert_moved(live, order, ["margin_deposit" if order.kind == K.ADD_MARGIN else "margin_withdraw"])


def test_while_the_chain_is_not_seen_nothing_is_over_and_openings_there_wait(live: LiveTrader, price: SetPrice) -> None:
    order = move(live, live.opened(), K.TAKE_MARGIN)
    fault(live.sandbox, "frozen", service="rpc")
    look()
    wait_until(lambda: effects(live) == ["margin_withdraw"], 5, "it is executed")
    with later(live.sandbox, 130):
        for _ in range(2):
            look()
        order.refresh_from_db()
        assert (order.state, effects(live)) == ("UNKNOWN", ["margin_withdraw"])
        assert VenueAlarm.objects.filter(kind="unknown_order", subject=f"order {order.pk}").exists()
        price("ETH/USD", "3000")
        live.types("/long ETH 100 10x")
        assert "previous_order_unresolved" in live.orders[-1].reason
        live.sandbox.control.delete("/control/faults")
        settle(order)
    assert order.state == "FILLED"
    assert not VenueAlarm.objects.filter(kind="unknown_order").exists()  # what has ended is not to be looked for
    assert_moved(live, order, ["margin_withdraw"])


def relayed_again(live: LiveTrader, order: Order) -> None:
    """Somebody who has the order's bytes hands them to the relayer once more."""
    body = {"txParams": order.intent.payload["tx_params"], "wallet": live.wallet}
    httpx.post(f"{settings.VERANTA_API_BASE_URL}/blitz/relays", json=body).raise_for_status()


def declined(live: LiveTrader, order: Order) -> list[str]:
    found = live.sandbox.get("/control/venue/journal", trader=order.intent.payload["signer"]).json()["declined"]
    return [row["reason"] for row in found]


def test_what_never_arrived_is_made_unusable_before_it_is_over(live: LiveTrader) -> None:
    order = move(live, live.opened())
    fault(live.sandbox, "drop", service="blitz", when="before", match="/relays")
    look()
    with later(live.sandbox, 50):
        look()
        order.refresh_from_db()
        assert (order.state, order.ended_at) == ("UNKNOWN", None)
        live.sandbox.control.delete("/control/faults")
        settle(order, within_s=30)
        assert (order.state, order.reason) == ("EXPIRED", "never_executed")
        assert Attempt.objects.filter(intent__order=order, detail__has_key="void").exists()
        relayed_again(live, order)
        wait_until(lambda: declined(live, order) == ["UnauthorizedCaller"], 5, "the bytes have reverted")
    assert_moved(live, order, [])


def test_a_move_that_was_made_is_not_made_again_by_its_bytes(live: LiveTrader) -> None:
    order = settle(move(live, live.opened()))
    relayed_again(live, order)
    wait_until(lambda: declined(live, order) == ["UnauthorizedCaller"], 5, "the bytes have reverted")
    assert_moved(live, order, ["margin_deposit"])


def test_margin_that_was_withdrawn_without_an_order_of_ours_is_no_closing(live: LiveTrader) -> None:
    position = live.opened()
    order = claimed(move(live, position, K.TAKE_MARGIN))
    relayed_again(live, order)
    wait_until(lambda: effects(live) == ["margin_withdraw"], 5, "it is executed")
    transition(order, OrderState.EXPIRED, reason="never_executed")  # as if it were nobody's
    assert venue_accounts.reconcile_all() == 1
    assert_moved(live, order, ["margin_withdraw"])
    assert [event.kind for event in position.events.all()] == ["margin_taken"]
    assert not Order.objects.filter(kind=K.CLOSE).exists()


def test_what_the_venue_reverts_is_rejected_once_it_can_never_be_executed(live: LiveTrader) -> None:
    order = settle(move(live, live.opened(), K.TAKE_MARGIN, 95), within_s=30)
    assert (order.state, order.reason) == ("REJECTED", "reverted_by_venue")
    assert declined(live, order) == ["LeverageIncorrect"]
    assert list(live.state_of(order.intent.payload["signer"])["execNonces"].values()) == [1]
    assert_moved(live, order, [])


def is_sent(order: Order) -> bool:
    """Carry out what is due; an order waits until the feed has signed a price."""
    make_due()
    execution.drain(modes=LIVE)
    return Attempt.objects.filter(intent__order=order).exclude(finished_at=None).exists()


@pytest.mark.parametrize(
    ("kind", "state", "ends"),
    [
        (K.TAKE_MARGIN, TradingState.REDUCING, "EXPIRED"),
        (K.ADD_MARGIN, TradingState.HALTED, "EXPIRED"),
        (K.ADD_MARGIN, TradingState.REDUCING, "FILLED"),
    ],
)
def test_what_a_stop_holds_back_is_not_sent_again_but_made_unusable(
    live: LiveTrader, kind: Order.Kind, state: TradingState, ends: str
) -> None:
    order = move(live, live.opened(), kind)
    fault(live.sandbox, "drop", service="blitz", when="before", count=1, match="/relays")
    wait_until(lambda: is_sent(order), 10, "it is sent")
    trading_state.change(state, actor="test", reason="a test")
    settle(order, within_s=30)
    assert order.state == ends
    sent = Attempt.objects.filter(intent__order=order).exclude(detail__has_key="void")
    assert sent.count() == (2 if ends == "FILLED" else 1)
    assert_moved(live, order, ["margin_deposit"] if ends == "FILLED" else [])


def test_what_a_revoked_delegate_has_signed_is_made_unusable_without_its_key(live: LiveTrader) -> None:
    order = move(live, live.opened())
    fault(live.sandbox, "drop", service="blitz", when="before", count=1, match="/relays")
    wait_until(lambda: is_sent(order), 10, "it is sent")
    live.delegate.end(Delegate.Status.REVOKED, "by_trader")
    live.delegate.save(update_fields=Delegate.ENDING)
    settle(order, within_s=30)
    assert order.state == "EXPIRED"
    assert_moved(live, order, [])


def test_an_order_that_is_executed_late_loses_against_the_void_or_wins_but_never_both(
    live: LiveTrader, settings: Settings
) -> None:
    position = live.opened()
    settings.INTENT_VALID_S = 1
    fault(live.sandbox, "slow_execution", service="blitz", seconds=4, count=1)
    order = settle(move(live, position), within_s=30)
    assert order.state == "EXPIRED"
    wait_until(lambda: declined(live, order) == ["UnauthorizedCaller"], 8, "it came too late")
    assert_moved(live, order, [])


def test_a_worker_killed_between_claim_and_submission_leaves_what_is_sent_later(live: LiveTrader) -> None:
    order = claimed(move(live, live.opened()))
    assert (effects(live), Attempt.objects.filter(intent__order=order).count()) == ([], 1)
    settle(order)
    assert_moved(live, order, ["margin_deposit"])


def test_two_at_once_have_nonces_of_their_own_and_wait_for_each_other_on_one_position(live: LiveTrader) -> None:
    first, second = live.opened(), live.opened()
    moves = [move(live, first, amount=10), move(live, second, amount=20), move(live, first, amount=30)]
    wait_until(lambda: is_sent(moves[1]), 10, "both are sent")
    assert [Order.objects.get(pk=order.pk).state for order in moves] == ["ACCEPTED", "ACCEPTED", "APPROVED"]
    for order in moves:
        assert settle(order).state == "FILLED"
    assert [effect["collateral"] for effect in live.effects[2:]] == ["10000000", "20000000", "30000000"]
    assert live.booked == live.balance
    assert invariants.breaches() == []


def test_a_closing_does_not_wait_for_a_move_and_what_is_left_of_it_is_booked(live: LiveTrader) -> None:
    position = live.opened()
    order = move(live, position, K.TAKE_MARGIN)
    fault(live.sandbox, "frozen", service="rpc")
    wait_until(lambda: is_sent(order), 10, "it is sent")
    wait_until(lambda: effects(live) == ["margin_withdraw"], 5, "it is executed")
    closing = settle(live.close(position))
    live.sandbox.control.delete("/control/faults")
    settle(order)
    position.refresh_from_db()
    assert (closing.state, order.state, position.status) == ("FILLED", "FILLED", "closed")
    assert (position.collateral_usd, live.booked) == (D(0), live.balance)
    assert invariants.breaches() == []


@pytest.mark.parametrize("comes_back", [True, False])
def test_without_the_feeds_signed_price_an_order_waits_its_time_unsigned(live: LiveTrader, comes_back: bool) -> None:
    order = move(live, live.opened())
    price_updates._fetched.clear()
    fault(live.sandbox, "status", service="feed", status=500)
    look()
    order.refresh_from_db()
    assert (order.state, Intent.objects.filter(order=order).exists()) == ("APPROVED", False)
    if comes_back:
        live.sandbox.control.delete("/control/faults")
        assert settle(order).state == "FILLED"
        return
    with later(live.sandbox, 46):
        settle(order)
    assert (order.state, order.reason, effects(live)) == ("CANCELED", "no_price_update", [])
