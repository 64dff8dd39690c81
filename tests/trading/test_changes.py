"""Orders that change an open position without a fill: stops and margin, through the pipeline that all orders take."""

from decimal import Decimal as D

import pytest

from feeds.models import Market
from risk import trading_state
from risk.trading_state import TradingState
from tests.trading.people import Person
from tests.trading.pipeline import assert_books_balance, close, open_position
from trading import execution, invariants
from trading.models import Order, Position
from trading.models.orders import REDUCES, K
from trading.risk_inputs import account_snapshot, holdings
from trading.services import changing, decisions
from trading.services.orders import Origin
from trading.telegram import cards

pytestmark = pytest.mark.django_db


def change(person: Person, position: Position, kind: Order.Kind, **terms: object) -> Order:
    """An approved order that is about the position."""
    held = changing.lock_open(person.trader, position.pk)
    order = changing.draft(held, kind, origin=Origin(chat_id=person.id), **terms)  # type: ignore[arg-type]
    return changing.conclude(order, decisions.decide_reduction(held.market, held.side))  # type: ignore[arg-type]


def carried_out(order: Order) -> Order:
    execution.drain()
    order.refresh_from_db()
    return order


def test_stops_are_what_the_order_says_and_the_card_says_what_was(ada: Person, eth: Market) -> None:
    position = open_position(ada, "/long ETH 100 10x sl=2900")
    order = carried_out(change(ada, position, K.STOPS, stop_loss=D(2950), take_profit=D(3300)))
    position.refresh_from_db()
    assert (order.state, position.stop_loss, position.take_profit) == ("FILLED", D(2950), D(3300))
    assert order.change.kind == "stops_changed"
    shown = cards.order_card(order)["text"]
    assert "Stop  <b>2,950.00</b>  (was 2,900.00)" in shown
    assert "Take-profit  <b>3,300.00</b>  (was none)" in shown
    assert invariants.breaches() == []


@pytest.mark.parametrize(("kind", "collateral", "leverage"), [(K.ADD_MARGIN, 150, 20 / 3), (K.TAKE_MARGIN, 50, 20)])
def test_margin_moves_between_balance_and_position_and_the_notional_stays(
    ada: Person, eth: Market, kind: Order.Kind, collateral: int, leverage: float
) -> None:
    position = open_position(ada)
    free = ada.trader.accounts.get(mode="DRY").free_balance_usd
    order = carried_out(change(ada, position, kind, collateral_usd=D(50)))
    position.refresh_from_db()
    assert (order.state, int(position.collateral_usd)) == ("FILLED", collateral)
    assert float(position.leverage) == pytest.approx(leverage, abs=1e-4)
    assert position.liquidation_price == pytest.approx(D(3000) * (1 - D("0.85") * collateral / 1000), rel=D("0.001"))
    assert ada.trader.accounts.get(mode="DRY").free_balance_usd == free + 100 - collateral
    assert_books_balance()
    assert invariants.breaches() == []


def test_margin_on_its_way_is_not_free_any_more_and_no_exposure(ada: Person, eth: Market) -> None:
    position = open_position(ada)
    before = account_snapshot(holdings(ada.trader, "DRY"), eth)
    change(ada, position, K.ADD_MARGIN, collateral_usd=D(50))
    after = account_snapshot(holdings(ada.trader, "DRY"), eth)
    assert after.available_usd == before.available_usd - 50
    assert after.exposure == before.exposure


def test_what_loosens_does_not_leave_in_a_stop_and_what_tightens_does(ada: Person, eth: Market) -> None:
    first, second = open_position(ada), open_position(ada)
    tighter = change(ada, first, K.STOPS, stop_loss=D(2990))
    looser = change(ada, second, K.STOPS, stop_loss=D(2800), loosens=True)
    taking = change(ada, second, K.TAKE_MARGIN, collateral_usd=D(10))
    trading_state.change(TradingState.REDUCING, actor="test", reason="a test")
    states = [carried_out(order).state for order in (tighter, looser, taking)]
    assert states == ["FILLED", "CANCELED", "CANCELED"]


def test_a_change_of_a_position_that_has_ended_meanwhile_changes_nothing(ada: Person, eth: Market) -> None:
    position = open_position(ada)
    closing = close(ada, position)
    order = change(ada, position, K.ADD_MARGIN, collateral_usd=D(50))
    assert carried_out(closing).state == "FILLED"
    order.refresh_from_db()
    assert (order.state, order.reason) == ("REJECTED", "position_closed")
    assert_books_balance()
    assert invariants.breaches() == []


@pytest.mark.parametrize("loosens", [True, False])
@pytest.mark.parametrize("kind", [kind for kind in K if kind != K.CANCEL])
def test_rows_and_objects_agree_on_what_reduces(ada: Person, eth: Market, kind: Order.Kind, loosens: bool) -> None:
    held = open_position(ada)
    order = changing.draft(held, kind, origin=Origin(), loosens=loosens)
    assert Order.objects.filter(REDUCES, pk=order.pk).exists() == order.reduces
