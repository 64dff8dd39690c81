"""Whatever stands in the way of openings, alone or together, a closing is approved; and carried out at once."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feeds.models import Market
from risk import trading_state
from risk.trading_state import TradingState
from tests.factories import make_order, make_trader, set_limits
from tests.trading.pipeline import assert_books_balance
from trading import execution
from trading.errors import PricesUnreachable
from trading.models import Account, DayOpening, Order, Position, Trader
from trading.services import placing, positions
from trading.services.orders import Origin
from vanta import clock, redis

pytestmark = pytest.mark.django_db
D = Decimal
NOTHING_ALLOWED = {
    **dict.fromkeys(("max_position_size_usd", "max_account_risk_pct", "max_daily_loss_pct", "price_max_age_s"), D(0)),
    **dict.fromkeys(("hourly_volume_usd", "daily_volume_usd", "price_max_uncertainty_share"), D(0)),
    **dict.fromkeys(("opens_per_minute", "trades_per_day"), 0),
    "max_leverage": D(1),
    "liquidation_buffer_pct": D(1),
}
OBSTACLES: dict[str, Callable[[Trader, Market], object]] = {
    "every limit at zero": lambda trader, _: set_limits(trader, **NOTHING_ALLOWED),
    "the day locked": lambda trader, _: DayOpening.objects.filter(trader=trader).update(locked_at=clock.now()),
    "openings disabled": lambda trader, _: Trader.objects.filter(pk=trader.pk).update(is_active=False),
    "nothing left": lambda trader, _: Account.objects.filter(trader=trader).update(free_balance_usd=0),
    "an unresolved order": lambda trader, market: make_order(trader=trader, market=market, state="UNKNOWN"),
    "winding down": lambda *_: trading_state.change(TradingState.REDUCING, actor="ada", reason="a test"),
    "no room at the venue": lambda _, market: Market.objects.filter(pk=market.pk).update(headroom_long_usd=0),
    "closings only": lambda _, market: Market.objects.filter(pk=market.pk).update(is_close_only=True),
    "no longer listed": lambda _, market: Market.objects.filter(pk=market.pk).update(is_listed=False),
    "Redis empty": lambda *_: redis.client().flushdb(),
}
fast = settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
several = st.sets(st.sampled_from(sorted(OBSTACLES)), min_size=1)


def opened(market: Market) -> Position:
    order = make_order(trader=make_trader(), market=market)
    assert placing.place(trader=order.trader, order_id=order.pk).state == "APPROVED"
    execution.drain()
    return Position.objects.get(orders=order)


def closing_of(position: Position, share: Decimal) -> Order:
    trader = Trader.objects.get(pk=position.trader_id)
    (order,) = positions.close(trader=trader, positions=[position], share=share, origin=Origin(chat_id=trader.chat_id))
    return order


@fast
@given(names=several, share=st.sampled_from([D("0.000001"), D("0.5"), D(1)]))
def test_no_obstacle_to_openings_denies_a_closing(
    eth: Market, last_known: Callable[..., None], price: Callable[..., None], names: set[str], share: Decimal
) -> None:
    Market.objects.filter(pk=eth.pk).update(headroom_long_usd=10**6, is_close_only=False, is_listed=True)
    trading_state.change(TradingState.ACTIVE, actor="ada", reason="a test")
    price("ETH/USD", "3000")
    last_known("ETH/USD", "3000")
    position = opened(eth)
    for name in sorted(names):
        OBSTACLES[name](position.trader, eth)
    closing = closing_of(position, share)
    assert (closing.state, closing.reason) == ("APPROVED", "")
    execution.drain(reductions_only=True)
    closing.refresh_from_db()
    assert closing.state == "FILLED", closing.reason


@pytest.mark.parametrize("name", OBSTACLES)
def test_each_of_them_denies_an_opening(eth: Market, last_known: Callable[..., None], name: str) -> None:
    """So that the law above is about something."""
    last_known("ETH/USD", "3000")
    position = opened(eth)
    order = make_order(trader=position.trader, market=eth)
    OBSTACLES[name](position.trader, eth)
    try:
        placed = placing.place(trader=Trader.objects.get(pk=position.trader_id), order_id=order.pk)
    except PricesUnreachable:
        return  # it waits for Redis
    assert placed.state == "DENIED"


def test_without_redis_a_closing_is_approved_and_filled(
    eth: Market, last_known: Callable[..., None], request: pytest.FixtureRequest
) -> None:
    last_known("ETH/USD", "3000")
    position = opened(eth)
    set_limits(position.trader, **NOTHING_ALLOWED)
    request.getfixturevalue("redis_down")
    closing = closing_of(position, D(1))
    assert closing.state == "APPROVED"
    execution.drain(reductions_only=True)
    closing.refresh_from_db()
    assert closing.state == "FILLED"
    assert_books_balance()
