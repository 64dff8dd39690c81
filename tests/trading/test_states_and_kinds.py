"""What each trading state lets through of each kind of order, with Redis and without: as a table."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from django.db import transaction

from feeds.models import Market
from risk import execution_mode, trading_state
from risk.execution_mode import ExecutionMode
from risk.trading_state import TradingState
from tests.factories import make_order
from tests.trading.conftest import SetPrice
from tests.trading.people import Person
from tests.trading.pipeline import approve, close, open_position
from trading import execution
from trading.errors import LimitsUnreachable, PricesUnreachable
from trading.models import Order, Position, Trader
from trading.models.orders import K
from trading.models.traders import Mode
from trading.services import canceling, margin_moves, placing
from trading.services.orders import Origin
from trading.services.stops import change_stops

pytestmark = pytest.mark.django_db
D = Decimal
S = TradingState
OPENING = {"opening", "limit order", "increase", "looser stop", "margin out"}
REDUCING = {"closing", "tighter stop", "margin in", "cancel"}
CANCELS = {"cancel"}
LETS_THROUGH = {S.ACTIVE: OPENING | REDUCING, S.REDUCING: REDUCING, S.HALTED: CANCELS}
WITHOUT_REDIS = {S.ACTIVE: REDUCING, S.REDUCING: REDUCING, S.HALTED: CANCELS}
KINDS: dict[str, dict[str, object]] = {
    "opening": {"kind": K.OPEN},
    "limit order": {"kind": K.OPEN, "order_type": Order.Type.LIMIT},
    "increase": {"kind": K.INCREASE},
    "closing": {"kind": K.CLOSE},
    "tighter stop": {"kind": K.STOPS, "loosens": False},
    "looser stop": {"kind": K.STOPS, "loosens": True},
    "margin in": {"kind": K.ADD_MARGIN},
    "margin out": {"kind": K.TAKE_MARGIN},
    "cancel": {"kind": K.CANCEL},
}


def test_the_table_is_about_every_kind() -> None:
    assert {values["kind"] for values in KINDS.values()} == set(K)
    assert set(KINDS) == OPENING | REDUCING


@pytest.mark.parametrize("mode", [Mode.DRY, Mode.LIVE])
@pytest.mark.parametrize("state", list(S))
def test_what_is_approved_leaves_as_the_state_then_says(state: TradingState, mode: Mode) -> None:
    execution_mode.change(ExecutionMode.LIVE, actor="test", reason="a test")
    trader = make_order(mode=mode).trader
    Trader.objects.update(execution_mode=mode)
    orders = {name: Order(mode=mode, trader=trader, **values) for name, values in KINDS.items()}
    leave = {name for name, order in orders.items() if execution.may_leave(order, state, {})}
    assert leave == LETS_THROUGH[state]
    blocked = {trader.pk: "entries_stopped"}
    held = {name for name, order in orders.items() if not execution.may_leave(order, state, blocked)}
    assert held == (set(KINDS) - LETS_THROUGH[state]) | {"opening", "limit order", "increase"}


@pytest.mark.parametrize("state", list(S))
def test_what_is_asked_for_is_approved_as_the_state_says(
    ada: Person, eth: Market, last_known: SetPrice, request: pytest.FixtureRequest, state: TradingState
) -> None:
    asks = prepared(ada)
    last_known("ETH/USD", "3000")
    trading_state.change(state, actor="test", reason="a test")
    assert approved(asks) == LETS_THROUGH[state]
    request.getfixturevalue("redis_down")
    assert approved(asks) == WITHOUT_REDIS[state]


def prepared(ada: Person) -> dict[str, Callable[[], Order]]:
    """A way to ask for one of each kind; what is confirmed was previewed while everything worked."""
    position = open_position(ada, "/long ETH 100 10x sl=2900")
    resting = approve(ada, "/limit ETH long 100 10x @2900")
    execution.drain()
    drafts = {name: ada.drafts(text) for name, text in _TYPED.items()}
    trader, origin = ada.trader, Origin(chat_id=ada.id)

    def moved(move: Callable[..., Order]) -> Order:
        return move(trader=trader, position_id=position.pk, amount_usd=D(10), origin=origin)

    return {
        **{name: lambda draft=draft: _placed(ada, draft) for name, draft in drafts.items()},  # type: ignore[misc]
        "closing": lambda: close(ada, position),
        "tighter stop": lambda: _stop(ada, position, "2950"),
        "looser stop": lambda: _stop(ada, position, "2850"),
        "margin in": lambda: moved(margin_moves.add),
        "margin out": lambda: moved(margin_moves.withdraw),
        "cancel": lambda: canceling.cancel_resting(trader=trader, order_id=resting.pk, origin=origin),
    }


_TYPED = {
    "opening": "/long ETH 100 10x",
    "limit order": "/limit ETH long 100 10x @2900",
    "increase": "/increase ETH 50",
}


def _placed(ada: Person, draft: Order) -> Order:
    """Without Redis it waits for it, as long as the preview is valid."""
    try:
        return placing.place(trader=ada.trader, order_id=draft.pk)
    except (PricesUnreachable, LimitsUnreachable):
        return draft


def _stop(ada: Person, position: Position, price: str) -> Order:
    return change_stops(trader=ada.trader, position_id=position.pk, stop_loss=D(price), origin=Origin(chat_id=ada.id))


def approved(asks: dict[str, Callable[[], Order]]) -> set[str]:
    return {name for name, ask in asks.items() if _undone(ask) == "APPROVED"}


def _undone(ask: Callable[[], Order]) -> str:
    """What came of it; as if it had not been, for the next to ask the same."""
    with transaction.atomic():
        state = ask().state
        transaction.set_rollback(True)
    return state


def test_what_is_claimed_without_redis_is_what_reduces() -> None:
    assert {name for name, values in KINDS.items() if Order(**values).reduces} == REDUCING


def test_what_a_disabled_trader_had_approved_does_not_leave(ada: Person, eth: Market) -> None:
    waiting = approve(ada, "/long ETH 100 10x")
    Trader.objects.update(is_active=False)
    execution.drain()
    waiting.refresh_from_db()
    assert (waiting.state, waiting.reason) == ("CANCELED", "trader_disabled")
