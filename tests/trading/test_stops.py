"""Stop and take-profit of an open position on paper: what is kept, what goes out whatever else, and what is weighed."""

from decimal import Decimal as D
from typing import Any

import pytest

from feeds.models import Market
from risk import trading_state
from risk.trading_state import TradingState
from tests.factories import set_limits
from tests.trading.conftest import SetPrice
from tests.trading.people import Person, words
from tests.trading.pipeline import close, open_position
from tests.trading.protecting import look
from trading import execution, invariants
from trading.errors import NoOpenPosition, StopsUnchanged
from trading.models import DayOpening, Order, Position, Trader
from trading.services.orders import Origin
from trading.services.stops import KEEP, change_stops
from trading.telegram import cards

pytestmark = pytest.mark.django_db
BOTH = "/long ETH 100 10x sl=2900 tp=3300"


def change(
    person: Person, position: Position, *, sl: Any = KEEP, tp: Any = KEEP, update_id: int | None = None
) -> Order:
    levels = [level if level in (KEEP, None) else D(level) for level in (sl, tp)]
    origin = Origin(chat_id=person.id, update_id=update_id)
    return change_stops(
        trader=person.trader, position_id=position.pk, stop_loss=levels[0], take_profit=levels[1], origin=origin
    )


def held(position: Position) -> tuple[Any, Any]:
    execution.drain()
    position.refresh_from_db()
    return levels_of(position)


def levels_of(position: Position) -> tuple[Any, Any]:
    return position.stop_loss, position.take_profit


@pytest.mark.parametrize(
    ("wish", "stops"),
    [
        ({"sl": "2950"}, (D(2950), D(3300))),
        ({"tp": "3200"}, (D(2900), D(3200))),
        ({"sl": "2950", "tp": None}, (D(2950), None)),
        ({"sl": None, "tp": None}, (None, None)),
    ],
)
def test_what_is_not_mentioned_is_kept(ada: Person, eth: Market, wish: dict[str, Any], stops: tuple[Any, Any]) -> None:
    position = open_position(ada, BOTH)
    order = change(ada, position, **wish)
    assert held(position) == stops
    assert order.loosens == (stops[0] is None)
    assert invariants.breaches() == []


def test_a_stop_that_was_moved_fires_at_the_new_price_and_not_at_the_old(
    ada: Person, eth: Market, price: SetPrice
) -> None:
    position = open_position(ada, BOTH)
    change(ada, position, sl="2950")
    held(position)
    price("ETH/USD", "2951")
    assert look(eth) == 0
    price("ETH/USD", "2950")
    assert look(eth) == 1
    execution.drain()
    position.refresh_from_db()
    assert (position.status, position.ended_by) == ("closed", "stop_loss")


def test_a_stop_that_was_loosened_does_not_fire_at_the_old_price(ada: Person, eth: Market, price: SetPrice) -> None:
    position = open_position(ada, BOTH)
    change(ada, position, sl="2850")
    held(position)
    price("ETH/USD", "2899")
    assert look(eth) == 0


@pytest.mark.parametrize(
    ("typed", "stop", "loosens"),
    [
        ("/long ETH 100 10x sl=2900", "2900.01", False),
        ("/long ETH 100 10x sl=2900", "2899.99", True),
        ("/long ETH 100 10x sl=2900", None, True),
        ("/long ETH 100 10x", "2850", False),
        ("/short ETH 100 10x sl=3100", "3099", False),
        ("/short ETH 100 10x sl=3100", "3101", True),
    ],
)
def test_further_away_is_looser(ada: Person, eth: Market, typed: str, stop: str | None, loosens: bool) -> None:
    assert change(ada, open_position(ada, typed), sl=stop).loosens == loosens


def test_a_stop_that_keeps_a_gain_is_loosened_too(ada: Person, eth: Market, price: SetPrice) -> None:
    position = open_position(ada)
    price("ETH/USD", "3200")
    change(ada, position, sl="3150")
    held(position)
    assert change(ada, position, sl="3100").loosens


def test_what_is_on_its_way_counts_as_what_holds(ada: Person, eth: Market) -> None:
    position = open_position(ada, BOTH)
    change(ada, position, sl="2950")
    assert change(ada, position, sl="2920").loosens
    assert change(ada, position, tp="3250").stop_loss == 2920
    assert held(position) == (2920, 3250)


@pytest.mark.parametrize(
    ("wish", "code", "passing"),
    [
        ({"sl": "3001"}, "stop_wrong_side", "2999"),
        ({"sl": "2999.9"}, "stop_too_close", "2999"),
        ({"sl": "2700"}, "stop_beyond_liquidation", "2760"),
        ({"tp": "2999"}, "take_profit_wrong_side", None),
        ({"tp": "10600"}, "take_profit_too_far", "10501"),
    ],
)
def test_a_level_that_cannot_be_is_refused_with_what_would_pass(
    ada: Person, eth: Market, wish: dict[str, Any], code: str, passing: str | None
) -> None:
    position = open_position(ada, "/long ETH 100 10x sl=2800")
    order = change(ada, position, **wish)
    assert (order.state, order.reason.split(",")[0]) == ("DENIED", code)
    denial = next(each for each in order.decision["denials"] if each["code"] == code)
    named = denial.get("stop_price") or denial.get("take_profit_price")
    assert named is None if passing is None else abs(D(named) - D(passing)) < 1, denial
    if named is not None:
        assert change(ada, position, **dict.fromkeys(wish, named)).state == "APPROVED"
    assert held(position)[0] in (2800, D(named or 2800))


def test_a_level_that_is_kept_is_not_asked_about_again(ada: Person, eth: Market, price: SetPrice) -> None:
    position = open_position(ada, BOTH)
    price("ETH/USD", "2900.1")  # closer to the stop than the venue would take one
    assert change(ada, position, tp="3250").state == "APPROVED"


def test_an_upside_stop_has_the_upside_markets_bounds(ada: Person, eth_upside: Market) -> None:
    position = open_position(ada, "/long ETH_UPSIDE 20 100x")
    order = change(ada, position, sl="2999")
    assert order.reason == "stop_too_close"
    passing = order.decision["denials"][0]["stop_price"]
    assert change(ada, position, sl=passing).state == "APPROVED"


def test_a_looser_stop_is_weighed_like_an_opening_and_told_the_stop_that_passes(ada: Person, eth: Market) -> None:
    position = open_position(ada, "/long ETH 1500 6x sl=2900")
    order = change(ada, position, sl=None)
    assert (order.state, order.reason) == ("DENIED", "account_risk")
    denial = order.decision["denials"][0]
    assert "passes with a stop at" in cards.order_card(order)["text"]
    assert change(ada, position, sl=D(denial["stop_price"]) - 1).reason.startswith("account_risk")
    assert change(ada, position, sl=denial["stop_price"]).state == "APPROVED"


def test_looser_stops_of_several_positions_count_together_before_they_are_carried_out(ada: Person, eth: Market) -> None:
    first, second, third = (open_position(ada, "/long ETH 900 2x sl=2900") for _ in range(3))
    assert [change(ada, each, sl=None).state for each in (first, second)] == ["APPROVED", "APPROVED"]
    order = change(ada, third, sl=None)
    assert (order.state, order.reason) == ("DENIED", "daily_loss")
    passing = order.decision["denials"][0]["stop_price"]
    assert change(ada, third, sl=passing).state == "APPROVED"
    assert change(ada, third, sl=D(passing) - 5).reason == "daily_loss"


def test_a_day_that_has_reached_its_limit_loosens_nothing_and_is_locked(
    ada: Person, eth: Market, price: SetPrice
) -> None:
    position = open_position(ada, "/long ETH 900 10x sl=2900")
    set_limits(ada.trader, max_daily_loss_pct=D("0.02"))
    price("ETH/USD", "2920")
    order = change(ada, position, sl="2890")
    assert order.reason == "daily_loss,daily_loss_locked"
    assert DayOpening.objects.get(trader=ada.trader, mode="DRY").locked_at is not None
    assert change(ada, position, sl="2905").state == "APPROVED"


def test_what_tightens_meets_no_limit(ada: Person, eth: Market) -> None:
    position = open_position(ada, "/long ETH 1500 6x sl=2900")
    set_limits(ada.trader, max_account_risk_pct=D("0.001"), max_daily_loss_pct=D("0.001"), opens_per_minute=0)
    Trader.objects.filter(pk=ada.trader.pk).update(is_active=False)
    assert change(ada, position, sl="2910").state == "APPROVED"
    assert change(ada, position, sl="2905").reason == "trader_disabled"


def test_what_tightens_needs_no_redis(ada: Person, eth: Market, last_known: SetPrice, redis_down: None) -> None:
    position = _open_in_the_books(ada, eth)
    last_known("ETH/USD", "3000")
    assert change(ada, position, sl="3050").reason == "stop_wrong_side"
    assert change(ada, position, sl="2850").reason == "price_unavailable"
    assert change(ada, position, sl="2950", tp="3300").state == "APPROVED"
    assert held(position) == (2950, 3300)


def test_what_tightens_needs_no_price_at_all(ada: Person, eth: Market, redis_down: None) -> None:
    position = _open_in_the_books(ada, eth)
    assert "On its way" in ada.answer("/sl 2950")
    assert held(position) == (2950, None)


def _open_in_the_books(person: Person, market: Market) -> Position:
    person.types("/start")
    numbers = {"collateral_usd": 100, "leverage": 10, "entry_price": 3000, "liquidation_price": 2745, "stop_loss": 2900}
    levels = {name: D(number) for name, number in numbers.items()}
    return Position.objects.create(trader=person.trader, market=market, side="long", **levels)


@pytest.mark.parametrize(
    ("state", "tighter", "looser"),
    [(TradingState.REDUCING, "", "trading_state"), (TradingState.HALTED, "trading_state", "trading_state")],
)
def test_trading_states(ada: Person, eth: Market, state: TradingState, tighter: str, looser: str) -> None:
    position = open_position(ada, BOTH)
    trading_state.change(state, actor="test", reason="a test")
    assert change(ada, position, sl="2850").reason == looser
    assert change(ada, position, sl="2950").reason == tighter
    assert change(ada, position, tp="3200").reason == tighter


def test_a_closed_market_changes_nothing_and_says_until_when(ada: Person, eth: Market) -> None:
    position = open_position(ada, BOTH)
    Market.objects.filter(pk=eth.pk).update(is_open=False, group_index=2)
    order = change(ada, position, sl="2950")
    assert order.reason == "market_closed"
    assert "The market is closed" in cards.order_card(order)["text"]


def test_the_same_again_is_no_order(ada: Person, eth: Market) -> None:
    position = open_position(ada, BOTH)
    with pytest.raises(StopsUnchanged) as raised:
        change(ada, position, sl="2900.00", tp="3300")
    assert not raised.value.is_on_its_way
    change(ada, position, sl="2950")
    with pytest.raises(StopsUnchanged) as raised:
        change(ada, position, sl="2950")
    assert raised.value.is_on_its_way
    assert Order.objects.filter(kind="stops").count() == 1


def test_an_update_that_is_handled_again_is_the_same_order(ada: Person, eth: Market) -> None:
    position = open_position(ada, BOTH)
    first = change(ada, position, sl="2950", update_id=5)
    held(position)
    assert change(ada, position, sl="2950", update_id=5) == first
    assert change(ada, position, sl="2960", update_id=6) != first


def test_somebody_elses_position_and_one_that_has_ended_are_none(ada: Person, grace: Person, eth: Market) -> None:
    position = open_position(ada, BOTH)
    grace.types("/start")
    with pytest.raises(NoOpenPosition):
        change(grace, position, sl="2950")
    close(ada, position)
    execution.drain()
    with pytest.raises(NoOpenPosition):
        change(ada, position, sl="2950")


def test_everything_of_it_is_told_by_why(ada: Person, eth: Market) -> None:
    position = open_position(ada, BOTH)
    order = change(ada, position, sl="2850")
    assert "<b>Wanted</b>\nStop  2,850.00  (now 2,900.00)" in words(ada.types(f"/why {order.pk}"))
    held(position)
    told = words(ada.types(f"/why {order.pk}"))
    assert "Stop and take-profit set" in told
    assert "Stop  <b>2,850.00</b>  (was 2,900.00)" in told
    assert "worst loss" in told
