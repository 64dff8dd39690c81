"""Adding margin when a position comes close to liquidation: as much as it takes, as far as its trader allows."""

from decimal import Decimal

import pytest
from django.db.utils import InternalError, ProgrammingError
from pytest_django import Settings

from feeds.models import Market
from risk import trading_state
from risk.trading_state import TradingState
from tests.trading.conftest import SetPrice
from tests.trading.people import Person
from tests.trading.pipeline import approve, assert_books_balance, close, open_position
from tests.trading.races import at_once
from trading import execution, guardian
from trading.models import Account, Order, OutboxMessage, Position, PositionEvent, Trader
from trading.telegram import buffer_cards

pytestmark = pytest.mark.django_db
D = Decimal
IN_BUFFER = "2750"  # `/long ETH 100 10x` at 3000.3: leaving the buffer there takes 109.052… of collateral


def allows(person: Person, cap: object) -> None:
    Trader.objects.filter(telegram_id=person.id).update(buffer_action="add_margin", buffer_cap_usd=D(str(cap)))


def told() -> list[str]:
    return [row.payload["done"] for row in OutboxMessage.objects.filter(method="buffer_alert").order_by("pk")]


def test_margin_takes_the_position_out_of_its_buffer_and_leaves_its_notional(
    ada: Person, eth: Market, price: SetPrice
) -> None:
    position = open_position(ada)
    free = ada.trader.accounts.get().free_balance_usd
    allows(ada, 50)
    price("ETH/USD", IN_BUFFER)
    for _ in range(3):
        assert guardian.close_crossed() == 0
    position = Position.objects.get(pk=position.pk)
    added = position.collateral_usd - 100
    assert D("9.05") < added < D("9.06")
    assert abs(position.notional_usd - 1000) < D("0.00001")
    assert position.calm_price <= D(IN_BUFFER) < D("2770")
    assert position.buffer_entered_at is None  # it has left the buffer, and would be told of the next entry
    assert ada.trader.accounts.get().free_balance_usd == free - added
    assert told() == ["added"]
    assert_books_balance()


def test_the_positions_history_keeps_what_was_added_and_why(ada: Person, eth: Market, price: SetPrice) -> None:
    position = open_position(ada)
    allows(ada, 50)
    price("ETH/USD", IN_BUFFER)
    guardian.close_crossed()
    event = PositionEvent.objects.get(position=position)
    position.refresh_from_db()
    assert event.kind == "margin_added"
    assert D(event.detail["amount_usd"]) == position.margin_added_usd == position.collateral_usd - 100
    assert (D(event.detail["mark"]), D(event.detail["was"]["collateral_usd"])) == (D(IN_BUFFER), D(100))
    with pytest.raises((InternalError, ProgrammingError), match="append-only"):
        PositionEvent.objects.update(detail={})


def test_what_is_added_comes_back_when_the_position_is_closed(ada: Person, eth: Market, price: SetPrice) -> None:
    position = open_position(ada)
    allows(ada, 50)
    price("ETH/USD", IN_BUFFER)
    guardian.close_crossed()
    price("ETH/USD", "3000")
    close(ada, position)
    execution.drain()
    position.refresh_from_db()
    assert position.status == "closed"
    assert D(-2) < position.realised_pnl_usd < 0  # the spread and the fee
    assert_books_balance()


@pytest.mark.parametrize(("cap", "done"), [("9.05", "over_cap"), ("9.06", "added")])
def test_never_more_than_the_cap(ada: Person, eth: Market, price: SetPrice, cap: str, done: str) -> None:
    open_position(ada)
    allows(ada, cap)
    price("ETH/USD", IN_BUFFER)
    guardian.close_crossed()
    assert told() == [done]


def test_the_cap_counts_for_all_that_is_ever_added_to_a_position(ada: Person, eth: Market, price: SetPrice) -> None:
    position = open_position(ada)
    allows(ada, 20)
    for moves_to in (IN_BUFFER, "2735", "2720", "2705", "2690"):
        price("ETH/USD", moves_to)
        guardian.close_crossed()
        guardian.close_crossed()
    assert told().count("added") >= 2
    assert told()[-1] == "over_cap"
    assert Position.objects.get(pk=position.pk).margin_added_usd <= 20
    assert_books_balance()


def test_only_what_is_free_and_not_reserved_is_added(ada: Person, eth: Market, price: SetPrice) -> None:
    open_position(ada)
    allows(ada, 50)
    waiting = approve(ada, "/long ETH 100 10x sl=2990")  # reserves 100.45
    Account.objects.filter(trader=ada.trader).update(free_balance_usd=D("109.5"))
    price("ETH/USD", IN_BUFFER)
    guardian.close_crossed()
    assert told() == ["no_balance"]
    assert waiting.state == "APPROVED"


@pytest.mark.parametrize(
    ("stop", "limit", "done"),
    [
        (None, "0.010951", "added"),  # 100 of collateral, 0.45 of the open fee, 9.053 of margin
        (None, "0.01095", "over_day"),
        (D(2748), "0.01095", "added"),  # it is stopped out before the margin is lost
    ],
)
def test_never_more_than_the_day_may_still_lose(
    ada: Person, eth: Market, price: SetPrice, settings: Settings, stop: Decimal | None, limit: str, done: str
) -> None:
    position = open_position(ada)
    Position.objects.filter(pk=position.pk).update(stop_loss=stop)
    allows(ada, 50)
    settings.MAX_DAILY_LOSS_PCT = D(limit)
    price("ETH/USD", IN_BUFFER)
    guardian.close_crossed()
    assert told() == [done]


def test_below_the_markets_least_leverage_nothing_is_added(ada: Person, eth: Market, price: SetPrice) -> None:
    open_position(ada)
    allows(ada, 50)
    Market.objects.filter(pk=eth.pk).update(min_leverage=D("9.5"))
    price("ETH/USD", IN_BUFFER)
    guardian.close_crossed()
    assert told() == ["not_possible"]


@pytest.mark.parametrize(("state", "done"), [(TradingState.REDUCING, "added"), (TradingState.HALTED, "halted")])
def test_margin_is_added_while_trading_is_wound_down_and_not_while_it_is_halted(
    ada: Person, eth: Market, price: SetPrice, state: TradingState, done: str
) -> None:
    open_position(ada)
    allows(ada, 50)
    price("ETH/USD", IN_BUFFER)
    trading_state.change(state, actor="test", reason="a test")
    guardian.close_crossed()
    assert told() == [done]


@pytest.mark.parametrize("typed", ["/long ETH 100 10x", "/short ETH 100 10x"])
def test_longs_and_shorts_alike(ada: Person, eth: Market, price: SetPrice, typed: str) -> None:
    position = open_position(ada, typed)
    allows(ada, 50)
    mark = D(IN_BUFFER) if position.side == "long" else D("3250")
    price("ETH/USD", mark)
    guardian.close_crossed()
    position = Position.objects.get(pk=position.pk)
    sign = 1 if position.side == "long" else -1
    assert sign * (mark - position.calm_price) >= 0
    assert sign * (position.calm_price - position.liquidation_price) > 0
    assert told() == ["added"]


def test_the_alert_says_how_much_was_added(ada: Person, eth: Market, price: SetPrice) -> None:
    open_position(ada)
    allows(ada, 50)
    price("ETH/USD", IN_BUFFER)
    guardian.close_crossed()
    payload = OutboxMessage.objects.get(method="buffer_alert").payload
    assert "USDC</b> of margin was added" in buffer_cards.alert(payload)["text"]
    assert "<b>9.05 " in buffer_cards.alert(payload)["text"]


@pytest.mark.django_db(transaction=True)
def test_two_guardians_at_once_add_once(ada: Person, eth: Market, price: SetPrice) -> None:
    position = open_position(ada)
    allows(ada, 50)
    price("ETH/USD", IN_BUFFER)
    at_once(*[guardian.close_crossed] * 3)
    assert told() == ["added"]
    position.refresh_from_db()
    assert position.margin_added_usd < D("9.06")
    assert not Order.objects.filter(kind="close").exists()
    assert_books_balance()
