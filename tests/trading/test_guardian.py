"""The guardian: liquidation, stop and take-profit of DRY positions, and what holding them costs."""

import datetime as dt
from decimal import Decimal

import pytest

from feeds.models import Market
from risk import trading_state
from risk.trading_state import TradingState
from tests.factories import make_market, make_position
from tests.trading.conftest import SetPrice
from tests.trading.people import Person
from tests.trading.pipeline import assert_books_balance, close, open_position
from trading import accrual, execution, guardian
from trading.models import Order, Position
from vanta import clock

pytestmark = pytest.mark.django_db
D = Decimal


def watch() -> int:
    closed = guardian.close_crossed()
    execution.drain()
    return closed


@pytest.mark.parametrize(
    ("typed", "moves_to", "reason", "status"),
    [
        ("/long ETH 100 10x", "2745.28", None, "open"),
        ("/long ETH 100 10x", "2745.27", "liquidation", "liquidated"),
        ("/long ETH 100 10x sl=2900", "2900.01", None, "open"),
        ("/long ETH 100 10x sl=2900", "2900", "stop_loss", "closed"),
        ("/long ETH 100 10x sl=2900", "2500", "liquidation", "liquidated"),
        ("/long ETH 100 10x tp=3300", "3299.99", None, "open"),
        ("/long ETH 100 10x tp=3300", "3300", "take_profit", "closed"),
        ("/short ETH 100 10x", "3254.67", None, "open"),
        ("/short ETH 100 10x", "3254.68", "liquidation", "liquidated"),
        ("/short ETH 100 10x sl=3100", "3100", "stop_loss", "closed"),
        ("/short ETH 100 10x tp=2700", "2700", "take_profit", "closed"),
        ("/short ETH 100 10x sl=3100 tp=2700", "3000", None, "open"),
    ],
)
def test_a_position_is_closed_when_the_mark_reaches_its_level(
    ada: Person, eth: Market, price: SetPrice, typed: str, moves_to: str, reason: str | None, status: str
) -> None:
    position = open_position(ada, typed)
    price("ETH/USD", moves_to)
    assert watch() == (1 if reason else 0)
    position.refresh_from_db()
    assert position.status == status
    closing = Order.objects.filter(kind="close").first()
    assert (closing.reason if closing else None) == reason
    assert_books_balance()


def test_a_liquidation_takes_all_of_the_collateral_and_no_more(ada: Person, eth: Market, price: SetPrice) -> None:
    position = open_position(ada)
    price("ETH/USD", "2000")
    watch()
    position.refresh_from_db()
    assert position.realised_pnl_usd == D(-100)
    assert ada.trader.accounts.get().free_balance_usd == D("9899.55")


def test_watching_again_closes_nothing_twice(ada: Person, eth: Market, price: SetPrice) -> None:
    open_position(ada)
    price("ETH/USD", "2000")
    assert guardian.close_crossed() == 1
    assert guardian.close_crossed() == 0  # the closing is under way
    execution.drain()
    assert watch() == 0
    assert Order.objects.filter(kind="close").count() == 1


def test_what_a_partial_close_leaves_is_watched_too(ada: Person, eth: Market, price: SetPrice) -> None:
    position = open_position(ada, "/long ETH 100 10x sl=2900")
    close(ada, position, D("0.5"))
    execution.drain()
    price("ETH/USD", "2899")
    assert watch() == 1
    position.refresh_from_db()
    assert position.status == "closed"
    assert_books_balance()


def test_a_partial_close_that_takes_long_keeps_nothing_from_being_stopped(
    ada: Person, eth: Market, price: SetPrice
) -> None:
    position = open_position(ada, "/long ETH 100 10x sl=2900")
    close(ada, position, D("0.5"))
    price("ETH/USD", "2899")
    assert (guardian.close_crossed(), guardian.close_crossed()) == (1, 0)
    execution.drain()
    position.refresh_from_db()
    assert (position.status, position.accrued_usd) == ("closed", D(0))
    assert_books_balance()


def test_without_a_trusted_price_nothing_is_liquidated(ada: Person, eth: Market, price: SetPrice) -> None:
    open_position(ada)
    price("ETH/USD", "100", age_ms=60_000)
    assert watch() == 0


def test_stops_are_carried_out_while_trading_is_wound_down_and_not_while_it_is_halted(
    ada: Person, eth: Market, price: SetPrice
) -> None:
    position = open_position(ada, "/long ETH 100 10x sl=2900")
    price("ETH/USD", "2899")
    trading_state.change(TradingState.HALTED, actor="test", reason="a test")
    watch()
    position.refresh_from_db()
    assert position.status == "open"
    trading_state.change(TradingState.REDUCING, actor="test", reason="a test")
    assert watch() == 1
    position.refresh_from_db()
    assert position.status == "closed"


def test_a_halt_piles_up_no_denied_closings(ada: Person, eth: Market, price: SetPrice) -> None:
    open_position(ada, "/long ETH 100 10x sl=2900")
    price("ETH/USD", "2899")
    trading_state.change(TradingState.HALTED, actor="test", reason="a test")
    for _ in range(3):
        watch()
    assert not Order.objects.filter(kind="close").exists()


def test_a_liquidated_trader_is_told(ada: Person, eth: Market, price: SetPrice) -> None:
    open_position(ada)
    price("ETH/USD", "2000")
    watch()
    order = Order.objects.get(kind="close")
    assert order.chat_id == ada.id
    assert order.messages.filter(method="order_card").exists()


def test_holding_costs_accrue_by_the_hour_and_bring_liquidation_nearer(ada: Person, eth: Market) -> None:
    market = make_market("BTC/USD", rollover_rate_per_hour_long=D("0.0001"), funding_rate_per_hour_long=D("0.0002"))
    hour_ago = clock.now() - dt.timedelta(hours=1)
    position = make_position(market=market, accrued_until=hour_ago)
    assert accrual.accrue_funding() == 1
    position.refresh_from_db()
    assert abs(position.accrued_usd - D("0.30")) < D("0.0002")  # 0.03 % of 1000
    assert abs(position.liquidation_price - D("2745.9")) < D("0.001")
    assert position.accrued_until > hour_ago + dt.timedelta(minutes=59)


def test_accruing_twice_in_a_row_costs_once(eth: Market) -> None:
    market = make_market("BTC/USD", rollover_rate_per_hour_long=D("0.01"))
    position = make_position(market=market, accrued_until=clock.now() - dt.timedelta(hours=1))
    accrual.accrue_funding()
    position.refresh_from_db()
    before = position.accrued_usd
    accrual.accrue_funding()
    position.refresh_from_db()
    assert position.accrued_usd - before < D("0.01")


def test_costs_are_paid_with_the_share_that_is_closed(ada: Person, eth: Market) -> None:
    position = open_position(ada)
    Position.objects.filter(pk=position.pk).update(accrued_usd=D(2), accrued_until=clock.now())
    order = close(ada, position, D("0.5"))
    execution.drain()
    position.refresh_from_db()
    assert order.fills.get().accrued_usd == D(1)
    assert position.accrued_usd == D(1)
    assert_books_balance()


def test_closed_positions_cost_nothing_more(eth: Market) -> None:
    make_position(market=eth, status="closed", accrued_until=clock.now() - dt.timedelta(hours=1))
    assert accrual.accrue_funding() == 0
