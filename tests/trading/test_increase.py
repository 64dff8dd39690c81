"""Adding to an open position: booked into it, watched and accrued as a whole, counted like an opening."""

import datetime as dt
from decimal import Decimal

import pytest
import time_machine

from feeds.models import Market
from tests.factories import make_market, make_position
from tests.trading.conftest import SetPrice
from tests.trading.increasing import again, approved, assert_agrees, ended, free
from tests.trading.people import Person
from tests.trading.pipeline import close, open_position
from trading import (
    accrual,
    day_openings,
    denial_statistics,
    execution,
    guardian,
    replay,
)
from trading.models import Fill, Position
from vanta import clock

pytestmark = pytest.mark.django_db
D = Decimal


def test_collateral_and_coins_add_up_and_liquidation_follows(ada: Person, eth: Market, price: SetPrice) -> None:
    position = open_position(ada, "/long ETH 100 10x sl=2900")
    before = free(ada)
    price("ETH/USD", "3300")
    order = ended(approved(ada, "/increase ETH 50 4x"))
    grown, fill = again(position), Fill.objects.get(order=order)
    assert (order.kind, order.state, order.position_id) == ("increase", "FILLED", position.pk)
    assert (fill.price, fill.collateral_usd, fill.notional_usd, fill.left_usd) == (D("3300.33"), D(50), D(200), D(150))
    coins = 1000 / D("3000.3") + 200 / D("3300.33")
    assert (grown.collateral_usd, grown.leverage, grown.stop_loss) == (D(150), D(8), D(2900))
    assert grown.entry_price == pytest.approx(1200 / coins, rel=D("1e-9"))
    assert grown.liquidation_price == pytest.approx(grown.entry_price * (1 - D("0.85") * 150 / 1200), rel=D("1e-9"))
    assert free(ada) == before - 50 - D("0.09")
    assert_agrees()


def test_a_position_that_grew_wins_what_its_parts_win(ada: Person, eth: Market, price: SetPrice) -> None:
    position = open_position(ada)
    price("ETH/USD", "3300")
    ended(approved(ada))
    price("ETH/USD", "3500")
    closing = ended(close(ada, position))
    exit_price = D(3500) * D("0.9999")
    parts = 1000 * (exit_price / D("3000.3") - 1) + 500 * (exit_price / D("3300.33") - 1)
    assert Fill.objects.get(order=closing).pnl_usd == pytest.approx(parts, abs=D("0.0001"))
    assert_agrees()


def test_costs_until_then_are_those_of_what_there_was(ada: Person, eth: Market, price: SetPrice) -> None:
    Market.objects.filter(pk=eth.pk).update(rollover_rate_per_hour_long=D("0.001"))
    position = open_position(ada)
    with time_machine.travel(clock.now() + dt.timedelta(hours=1), tick=False):
        price("ETH/USD", "3000")
        ended(approved(ada))
        grown = again(position)
        assert grown.accrued_usd == pytest.approx(D(1), abs=D("0.01"))  # an hour of 1000, not of 1500
        assert (grown.accrued_until, grown.watched_from) == (clock.now(), clock.now())
        assert grown.liquidation_price == pytest.approx(
            grown.entry_price * (1 - (D("0.85") * 150 - grown.accrued_usd) / 1500), rel=D("1e-6")
        )


def test_accrual_goes_on_from_the_whole(ada: Person, eth: Market) -> None:
    position = open_position(ada)
    ended(approved(ada))
    Market.objects.filter(pk=eth.pk).update(rollover_rate_per_hour_long=D("0.001"))
    Position.objects.filter(pk=position.pk).update(accrued_until=clock.now() - dt.timedelta(hours=1))
    accrual.accrue_funding()
    assert again(position).accrued_usd == pytest.approx(D("1.5"), abs=D("0.01"))


def test_the_guardian_watches_the_whole(ada: Person, eth: Market, price: SetPrice) -> None:
    position = open_position(ada, "/long ETH 100 10x sl=2900")
    ended(approved(ada))
    price("ETH/USD", "2890")
    guardian.close_crossed()
    execution.drain()
    assert (again(position).status, again(position).ended_by) == ("closed", "stop_loss")
    assert_agrees()


def test_what_is_liquidated_follows_the_new_price(ada: Person, eth: Market, price: SetPrice) -> None:
    position = open_position(ada, "/long ETH 100 20x")  # liquidated at 2872.8
    ended(approved(ada, "/increase ETH 300 2x"))
    price("ETH/USD", "2870")
    guardian.close_crossed()
    execution.drain()
    assert again(position).status == "open"
    price("ETH/USD", "2600")
    guardian.close_crossed()
    execution.drain()
    assert again(position).status == "liquidated"
    assert_agrees()


def test_an_upside_position_is_increased_without_a_fee(ada: Person, eth_upside: Market) -> None:
    position = open_position(ada, "/long ETH_UPSIDE 10 100x")
    ended(approved(ada, "/increase ETH_UPSIDE 10"))
    assert (again(position).collateral_usd, again(position).leverage) == (D(20), D(100))
    assert Fill.objects.latest("pk").fee_usd == 0


def test_yesterdays_position_is_as_it_was_then(ada: Person, eth: Market, price: SetPrice) -> None:
    noon = clock.now().replace(hour=12, minute=0, second=0, microsecond=0)
    with time_machine.travel(noon, tick=False):
        price("ETH/USD", "3000")
        position = open_position(ada)
        was = again(position)
    with time_machine.travel(noon + dt.timedelta(days=1), tick=False):
        price("ETH/USD", "3300")
        ended(approved(ada, "/increase ETH 50 4x"))
        ended(close(ada, position, D("0.5")))
        (then,) = day_openings._positions_at([ada.trader.pk], clock.now().replace(hour=0))
    assert then.collateral_usd == pytest.approx(D(100), abs=D("0.001"))
    assert then.leverage == pytest.approx(was.leverage, abs=D("0.001"))
    assert then.entry_price == pytest.approx(was.entry_price, rel=D("1e-5"))


def test_replays_and_statistics_count_it_as_an_opening(ada: Person, eth: Market) -> None:
    open_position(ada)
    approved(ada)
    since = clock.now() - dt.timedelta(hours=1)
    assert [each.openings for each in denial_statistics.most_active_since(since, 5)] == [2]
    kinds = [order.kind for order in replay._decided([ada.trader.pk], since)]
    assert kinds == ["open", "increase"]


def test_a_closed_market_denies_it_with_its_opening_time(ada: Person) -> None:
    opens = clock.now() + dt.timedelta(hours=9)
    market = make_market("EUR/USD", group_index=2, is_open=False, next_open_at=opens)
    ada.types("/start")
    make_position(trader=ada.trader, market=market)
    assert f"closed until {opens:%a %d %b %H:%M} UTC" in ada.answer("/increase EUR 50")
