"""Adding margin to a position and withdrawing it: what is asked before, what is refused, and what it makes of it."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from feeds.models import Market
from risk import trading_state
from risk.trading_state import TradingState
from tests.factories import make_order, set_limits
from tests.trading.conftest import SetPrice
from tests.trading.people import Person
from tests.trading.pipeline import assert_books_balance, close, open_position
from tests.trading.races import at_once
from trading import execution, invariants
from trading.errors import PositionChanged
from trading.models import Account, DayOpening, Order, Position, Trader
from trading.models.orders import K
from trading.services import changing, decisions, margin_moves
from trading.services.orders import Origin
from trading.telegram import cards
from vanta import clock

pytestmark = pytest.mark.django_db
D = Decimal


def add(person: Person, position: Position, amount: Any) -> Order:
    return margin_moves.add(
        trader=person.trader, position_id=position.pk, amount_usd=D(str(amount)), origin=Origin(chat_id=person.id)
    )


def withdraw(person: Person, position: Position, amount: Any) -> Order:
    return margin_moves.withdraw(
        trader=person.trader, position_id=position.pk, amount_usd=D(str(amount)), origin=Origin(chat_id=person.id)
    )


def carried_out(order: Order) -> Order:
    execution.drain()
    order.refresh_from_db()
    return order


ADDITIONS: dict[str, tuple[Callable[[Trader, Market], object], str]] = {
    "nothing": (lambda *_: None, ""),
    "winding down": (lambda *_: trading_state.change(TradingState.REDUCING, actor="a", reason="a test"), ""),
    "halted": (lambda *_: trading_state.change(TradingState.HALTED, actor="a", reason="a test"), "trading_state"),
    "market closed": (
        lambda _, eth: Market.objects.filter(pk=eth.pk).update(group_index=2, is_open=False),
        "market_closed",
    ),
    "least leverage": (lambda _, eth: Market.objects.filter(pk=eth.pk).update(min_leverage=7), "leverage"),
    "day": (lambda trader, _: set_limits(trader, max_daily_loss_pct=D("0.0149")), "daily_loss"),
    "no limit of openings": (lambda trader, _: set_limits(trader, opens_per_minute=0, max_leverage=D(1)), ""),
}


@pytest.mark.parametrize("name", ADDITIONS)
def test_what_stands_in_the_way_of_an_addition(ada: Person, eth: Market, name: str) -> None:
    position = open_position(ada)
    obstacle, code = ADDITIONS[name]
    obstacle(ada.trader, eth)
    order = add(ada, position, 50)
    assert (order.state, order.reason) == ("DENIED" if code else "APPROVED", code)


def test_the_largest_addition_that_would_pass_is_named_and_does(ada: Person, eth: Market) -> None:
    position = open_position(ada, "/long ETH 100 10x sl=2950")
    Account.objects.filter(trader=ada.trader).update(free_balance_usd=D("49.123456"))
    order = add(ada, position, 50)
    assert order.reason == "margin"
    assert order.decision["max_collateral_usd"] == "49.123456"
    assert "At most 49.12 USDC would pass." in cards.order_card(order)["text"]
    assert add(ada, position, "49.123456").state == "APPROVED"


def test_with_a_stop_that_comes_first_the_day_has_no_say_in_an_addition(ada: Person, eth: Market) -> None:
    position = open_position(ada, "/long ETH 100 10x sl=2950")
    set_limits(ada.trader, max_daily_loss_pct=D("0.0001"))
    assert add(ada, position, 50).state == "APPROVED"


def test_without_redis_margin_is_added_and_not_withdrawn(
    ada: Person, eth: Market, request: pytest.FixtureRequest
) -> None:
    position = open_position(ada)
    request.getfixturevalue("redis_down")
    order = withdraw(ada, position, 10)
    assert (order.state, order.reason) == ("DENIED", "price_unavailable")
    assert carried_out(add(ada, position, 50)).state == "FILLED"


WITHDRAWALS: dict[str, tuple[Callable[[Trader, Market], object], str]] = {
    "nothing": (lambda *_: None, ""),
    "winding down": (lambda *_: trading_state.change(TradingState.REDUCING, actor="a", reason="a"), "trading_state"),
    "halted": (lambda *_: trading_state.change(TradingState.HALTED, actor="a", reason="a test"), "trading_state"),
    "market closed": (
        lambda _, eth: Market.objects.filter(pk=eth.pk).update(group_index=2, is_open=False),
        "market_closed",
    ),
    "leverage of the market": (lambda _, eth: Market.objects.filter(pk=eth.pk).update(max_leverage=19), "leverage"),
    "day": (lambda trader, _: set_limits(trader, max_daily_loss_pct=D("0.005")), "daily_loss"),
    "disabled": (lambda trader, _: Trader.objects.filter(pk=trader.pk).update(is_active=False), "trader_disabled"),
    "unresolved": (
        lambda trader, eth: make_order(trader=trader, market=eth, state="UNKNOWN"),
        "previous_order_unresolved",
    ),
    "day locked": (
        lambda trader, _: DayOpening.objects.update_or_create(
            trader=trader, mode="DRY", day=clock.now().date(), defaults={"locked_at": clock.now()}
        ),
        "daily_loss_locked",
    ),
}


@pytest.mark.parametrize("name", WITHDRAWALS)
def test_what_stands_in_the_way_of_a_withdrawal(ada: Person, eth: Market, name: str) -> None:
    position = open_position(ada)
    obstacle, code = WITHDRAWALS[name]
    obstacle(ada.trader, eth)
    order = withdraw(ada, position, 50)
    assert (order.state, order.reason) == ("DENIED" if code else "APPROVED", code)


def test_a_stop_that_liquidation_would_come_before_denies_a_withdrawal(ada: Person, eth: Market) -> None:
    position = open_position(ada, "/long ETH 100 10x sl=2800")
    order = withdraw(ada, position, 50)
    assert order.reason.split(",") == ["liquidation_buffer", "stop_beyond_liquidation"]
    most = D(order.decision["max_collateral_usd"])
    assert withdraw(ada, position, most).state == "APPROVED"
    assert margin_moves.preview(trader=ada.trader, position_id=position.pk, amount_usd=-most).decision.codes == (
        "order_under_way",
    )


def test_a_price_that_is_not_trusted_lets_nothing_be_withdrawn(ada: Person, eth: Market, price: SetPrice) -> None:
    position = open_position(ada)
    price("ETH/USD", "3000", age_ms=20_000)
    assert withdraw(ada, position, 10).reason == "price_unavailable"
    assert add(ada, position, 10).state == "APPROVED"


def test_while_a_closing_is_under_way_no_margin_moves(ada: Person, eth: Market) -> None:
    position = open_position(ada)
    close(ada, position, D("0.5"))
    assert [move(ada, position, 10).reason for move in (add, withdraw)] == ["order_under_way"] * 2


def test_a_closing_overtakes_margin_that_has_not_left(ada: Person, eth: Market) -> None:
    position = open_position(ada)
    order = withdraw(ada, position, 50)
    closing = close(ada, position)
    assert carried_out(closing).state == "FILLED"
    order.refresh_from_db()
    assert (order.state, order.reason) == ("CANCELED", "overtaken_by_closing")
    assert_books_balance()
    assert invariants.breaches() == []


def test_a_closing_on_paper_waits_for_margin_that_is_moving_and_is_paid_for_what_is_left(
    ada: Person, eth: Market
) -> None:
    position = open_position(ada)
    withdraw(ada, position, 50)
    (claimed,) = execution.claim(reductions_only=False)
    closing = close(ada, position)
    assert execution.drain() == 0
    execution.carry_out([claimed])
    assert carried_out(closing).state == "FILLED"
    position.refresh_from_db()
    assert (position.status, position.collateral_usd) == ("closed", D(0))
    assert D(-2) < position.realised_pnl_usd < 0  # the spread and the fee on all of the notional
    assert_books_balance()
    assert invariants.breaches() == []


@pytest.mark.django_db(transaction=True)
def test_two_taps_at_once_move_it_once(ada: Person, eth: Market) -> None:
    position = open_position(ada)

    def tap() -> None:
        try:
            margin_moves.add(
                trader=ada.trader, position_id=position.pk, amount_usd=D(50), origin=Origin(), seen_changes=1
            )
        except PositionChanged:
            return

    at_once(*[tap] * 3)
    execution.drain()
    position.refresh_from_db()
    assert position.collateral_usd == 150
    assert_books_balance()


@pytest.mark.parametrize(
    ("kind", "amount", "mark", "reason"),
    [
        (K.TAKE_MARGIN, 90, "3000", "leverage_not_taken"),
        (K.TAKE_MARGIN, 100, "3000", "leverage_not_taken"),
        (K.TAKE_MARGIN, 50, "2872", "loss_not_covered"),  # 42.8 lost of the 42.5 that 50 would cover
        (K.TAKE_MARGIN, 50, "2873", ""),
        (K.ADD_MARGIN, 900, "3000", ""),
        (K.ADD_MARGIN, 901, "3000", "leverage_not_taken"),
    ],
)
def test_the_paper_venue_refuses_what_the_venue_would(
    ada: Person, eth: Market, price: SetPrice, kind: Order.Kind, amount: int, mark: str, reason: str
) -> None:
    position = open_position(ada)
    price("ETH/USD", mark)
    held = changing.lock_open(ada.trader, position.pk)
    order = changing.draft(held, kind, origin=Origin(), collateral_usd=D(amount))
    changing.conclude(order, decisions.decide_reduction(held.market, held.side))  # type: ignore[arg-type]
    assert carried_out(order).reason == reason
    assert order.state == ("REJECTED" if reason else "FILLED")
    assert invariants.breaches() == []
