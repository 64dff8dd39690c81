"""From approval to a booked fill: claims, the trading state on the way, closes, and orders whose fate is not known."""

import datetime as dt
from decimal import Decimal

import pytest
import time_machine

from feeds.models import Market
from risk import trading_state
from risk.trading_state import TradingState
from tests.factories import make_order
from tests.trading.conftest import SetPrice
from tests.trading.people import Person
from tests.trading.pipeline import approve, assert_books_balance, close, open_position
from trading import execution, reconciliation, settlement
from trading.errors import NoOpenPosition
from trading.history import transition_all
from trading.models import Attempt, Fill, Intent, Order, OutboxMessage, PaperExecution, Position, Trader
from trading.order_state import OrderState
from trading.venues.base import Unknown
from trading.venues.registry import VENUES
from vanta import clock
from vanta.money import ONE

pytestmark = pytest.mark.django_db
D = Decimal
HALF = D("0.5")


def stop(state: TradingState) -> None:
    trading_state.change(state, actor="test", reason="a test")


def claimed(order: Order) -> Order:
    """As a worker leaves an order that is killed between the claim and the submission."""
    (taken,) = execution.claim(reductions_only=False)
    assert taken.pk == order.pk
    return Order.objects.select_related("market", "position", "trader").get(pk=order.pk)


def due(order: Order) -> None:
    Order.objects.filter(pk=order.pk).update(next_check_at=clock.now() - dt.timedelta(seconds=1))


def test_an_approved_order_is_filled_with_position_fill_ledger_and_message(ada: Person, eth: Market) -> None:
    order = approve(ada, "/long ETH 100 10x sl=2900 tp=3300")
    assert execution.drain() == 1
    order.refresh_from_db()
    position, fill = Position.objects.get(), Fill.objects.get()
    assert (order.state, order.position) == ("FILLED", position)
    assert (position.side, position.collateral_usd, position.leverage) == ("long", D(100), D(10))
    assert (position.entry_price, position.stop_loss, position.take_profit) == (D("3000.3"), D(2900), D(3300))
    assert (fill.price, fill.fee_usd, fill.notional_usd) == (D("3000.3"), D("0.45"), D(1000))
    assert ada.trader.accounts.get().free_balance_usd == D("9899.55")
    assert OutboxMessage.objects.filter(order=order, method="order_card").count() == 1
    assert list(order.events.values_list("to_state", flat=True)) == ["DRAFT", "APPROVED", "SUBMITTING", "FILLED"]
    assert_books_balance()


def test_draining_again_does_nothing(ada: Person, eth: Market) -> None:
    open_position(ada)
    assert execution.drain() == 0
    assert reconciliation.drain() == 0
    assert Fill.objects.count() == Position.objects.count() == Intent.objects.count() == Attempt.objects.count() == 1


def test_the_message_is_committed_before_anything_is_submitted(ada: Person, eth: Market) -> None:
    order = claimed(approve(ada, "/long ETH 100 10x"))
    assert order.state == "SUBMITTING"
    assert Intent.objects.get(order=order).nonce == f"paper-{order.pk}"
    assert Attempt.objects.get().number == 1
    assert not PaperExecution.objects.exists()


@pytest.mark.parametrize("state", [TradingState.REDUCING, TradingState.HALTED])
def test_a_stop_cancels_approved_openings_that_have_not_left(ada: Person, eth: Market, state: TradingState) -> None:
    order = approve(ada, "/long ETH 100 10x")
    stop(state)
    execution.drain()
    order.refresh_from_db()
    assert (order.state, order.reason) == ("CANCELED", f"trading_{state.value}")
    assert OutboxMessage.objects.filter(order=order, method="order_card").exists()
    assert not Intent.objects.exists()


def test_closes_go_through_while_trading_is_wound_down(ada: Person, eth: Market) -> None:
    position = open_position(ada)
    stop(TradingState.REDUCING)
    close(ada, position)
    execution.drain()
    position.refresh_from_db()
    assert position.status == "closed"
    assert_books_balance()


def test_a_disabled_trader_can_still_close(ada: Person, eth: Market) -> None:
    position = open_position(ada)
    Trader.objects.update(is_active=False)
    ada.types("/close ETH")
    execution.drain()
    position.refresh_from_db()
    assert position.status == "closed"


def test_drafts_and_waiting_orders_can_be_canceled_during_a_halt(ada: Person, eth: Market) -> None:
    draft, waiting = ada.drafts("/long ETH 100 10x"), approve(ada, "/long ETH 100 10x")
    stop(TradingState.HALTED)
    for order in (draft, waiting):
        ada.types(f"/cancel {order.pk}")
        order.refresh_from_db()
        assert (order.state, order.reason) == ("CANCELED", "canceled_by_trader")


def test_nothing_leaves_while_trading_is_halted(ada: Person, eth: Market) -> None:
    position = open_position(ada)
    approved = close(ada, position, HALF)
    stop(TradingState.HALTED)
    assert close(ada, position, HALF).state == "DENIED"
    execution.drain()
    approved.refresh_from_db()
    position.refresh_from_db()
    assert approved.state == "CANCELED"
    assert position.collateral_usd == D(100)


def test_a_stop_between_claim_and_submission_keeps_the_opening_back_until_it_expires(ada: Person, eth: Market) -> None:
    order = claimed(approve(ada, "/long ETH 100 10x"))
    stop(TradingState.REDUCING)
    execution.carry_out([order])
    due(order)
    reconciliation.drain()
    assert not PaperExecution.objects.exists()
    with time_machine.travel(clock.now() + dt.timedelta(seconds=60), tick=False):
        reconciliation.drain()
    order.refresh_from_db()
    assert (order.state, order.reason) == ("EXPIRED", "never_executed")
    assert ada.trader.accounts.get().free_balance_usd == D(10_000)


@pytest.mark.parametrize(
    ("share", "left", "status"), [("0.25", "75", "open"), ("0.5", "50", "open"), ("1", "0", "closed")]
)
def test_a_close_takes_its_share(ada: Person, eth: Market, share: str, left: str, status: str) -> None:
    position = open_position(ada)
    close(ada, position, D(share))
    execution.drain()
    position.refresh_from_db()
    assert (position.collateral_usd, position.status) == (D(left), status)
    assert_books_balance()


def test_closing_in_parts_never_closes_more_than_there_is(ada: Person, eth: Market) -> None:
    position = open_position(ada, "/long ETH 99.999999 10x")
    for share in (HALF, HALF, D("0.75"), ONE):
        try:
            close(ada, position, share)
        except NoOpenPosition:
            continue
    taken = sum(order.collateral_usd for order in ada.orders if order.kind == "close")
    assert taken == D("99.999999")
    execution.drain()
    position.refresh_from_db()
    assert (position.status, position.collateral_usd) == ("closed", D(0))
    assert_books_balance()


def test_a_close_is_carried_out_at_the_last_known_price_while_redis_is_down(
    ada: Person, eth: Market, last_known: SetPrice, request: pytest.FixtureRequest
) -> None:
    position = open_position(ada)
    last_known("ETH/USD", "3100")
    request.getfixturevalue("redis_down")
    order = close(ada, position)
    execution.drain(reductions_only=True)
    order.refresh_from_db()
    assert order.state == "FILLED"
    assert order.fills.get().price == D("3099.69")


def test_openings_wait_while_only_reductions_are_carried_out(ada: Person, eth: Market) -> None:
    order = approve(ada, "/long ETH 100 10x")
    assert execution.drain(reductions_only=True) == 0
    order.refresh_from_db()
    assert order.state == "APPROVED"


def test_a_price_that_slipped_too_far_is_rejected_and_nothing_is_opened(
    ada: Person, eth: Market, price: SetPrice
) -> None:
    order = approve(ada, "/long ETH 100 10x")
    price("ETH/USD", "3010")
    execution.drain()
    order.refresh_from_db()
    assert (order.state, order.reason) == ("REJECTED", "slippage_exceeded")
    assert not Position.objects.exists()
    assert ada.trader.accounts.get().free_balance_usd == D(10_000)


def test_an_order_whose_worker_died_after_the_claim_is_submitted_by_reconciliation(ada: Person, eth: Market) -> None:
    order = claimed(approve(ada, "/long ETH 100 10x"))
    assert reconciliation.drain() == 0  # the lease has not run out
    due(order)
    assert reconciliation.drain() == 1
    order.refresh_from_db()
    assert order.state == "FILLED"
    assert list(Attempt.objects.order_by("number").values_list("number", flat=True)) == [1, 2]
    assert_books_balance()


def test_an_order_whose_worker_died_after_the_submission_is_booked_from_the_venues_journal(
    ada: Person, eth: Market, price: SetPrice
) -> None:
    order = claimed(approve(ada, "/long ETH 100 10x"))
    VENUES["DRY"].submit([order.intent])  # and killed before it could book the answer
    price("ETH/USD", "3500")
    due(order)
    reconciliation.drain()
    order.refresh_from_db()
    assert order.state == "FILLED"
    assert Fill.objects.get().price == D("3000.3")
    assert_books_balance()


def test_an_unknown_order_is_filled_when_the_venue_has_executed_it(ada: Person, eth: Market) -> None:
    order = claimed(approve(ada, "/long ETH 100 10x"))
    settlement.settle([order], {order.pk: Unknown("timeout")})
    order.refresh_from_db()
    assert order.state == "UNKNOWN"
    VENUES["DRY"].submit([order.intent])
    due(order)
    reconciliation.drain()
    order.refresh_from_db()
    assert order.state == "FILLED"
    assert list(order.events.values_list("to_state", flat=True))[-2:] == ["UNKNOWN", "FILLED"]
    assert_books_balance()


def test_an_unknown_order_expires_only_after_its_deadline_and_without_a_trace_at_the_venue(
    ada: Person, eth: Market
) -> None:
    order = claimed(approve(ada, "/long ETH 100 10x"))
    settlement.settle([order], {order.pk: Unknown("timeout")})
    with time_machine.travel(order.intent.deadline + dt.timedelta(seconds=1), tick=False):
        due(order)
        reconciliation.drain()
    order.refresh_from_db()
    assert (order.state, order.reason) == ("EXPIRED", "never_executed")
    assert PaperExecution.objects.get().result == {"expired": True}  # and its nonce is closed for good


def test_an_order_that_stays_unknown_is_looked_at_again_without_a_second_event(ada: Person, eth: Market) -> None:
    order = claimed(approve(ada, "/long ETH 100 10x"))
    settlement.settle([order], {order.pk: Unknown("timeout")})
    order.refresh_from_db()
    first_check = order.next_check_at
    stop(TradingState.REDUCING)  # keeps it from being submitted again
    due(order)
    reconciliation.drain()
    order.refresh_from_db()
    assert order.state == "UNKNOWN"
    assert order.next_check_at > first_check - dt.timedelta(seconds=1)
    assert order.events.filter(to_state="UNKNOWN").count() == 1


def test_two_settlements_of_one_fill_book_it_once(ada: Person, eth: Market) -> None:
    order = claimed(approve(ada, "/long ETH 100 10x"))
    stale = Order.objects.select_related("market", "position", "trader").get(pk=order.pk)
    outcomes = {order.pk: VENUES["DRY"].submit([order.intent])[order.intent.nonce]}
    settlement.settle([order], outcomes)
    settlement.settle([stale], outcomes)
    assert Fill.objects.count() == Position.objects.count() == 1
    assert order.events.filter(to_state="FILLED").count() == 1
    assert_books_balance()


def test_one_order_that_cannot_be_booked_stops_only_itself(ada: Person, grace: Person, eth: Market) -> None:
    for person in (ada, grace):
        approve(person, "/long ETH 100 10x")
    broken = make_order(trader=ada.trader, market=eth, state="APPROVED", collateral_usd=D(50_000))
    assert execution.drain() == 3
    assert sorted(Order.objects.values_list("state", flat=True)) == ["FILLED", "FILLED", "SUBMITTING"]
    broken.refresh_from_db()
    assert broken.state == "SUBMITTING"  # an alert for us: the free balance must never go below zero
    assert_books_balance()


def test_a_batch_is_moved_by_one_statement_and_leaves_out_what_has_moved_on(ada: Person, eth: Market) -> None:
    ada.types("/start")
    rows = [make_order(trader=ada.trader, market=eth) for _ in range(3)]
    Order.objects.filter(pk=rows[1].pk).update(state="EXPIRED")
    moved = transition_all(rows, OrderState.CANCELED)
    assert [order.pk for order in moved] == [rows[0].pk, rows[2].pk]
