"""What the day has brought all traders is the sum of what it has brought each of them, DRY and LIVE apart."""

from decimal import Decimal

import pytest

from feeds.models import Market
from tests.factories import make_day_opening, make_market, make_position, make_trader
from tests.trading.people import Person
from tests.trading.pipeline import close, open_position
from tests.trading.timeline import HOUR, MIDNIGHT, MINUTE, NOON, SECOND, Timeline, minute, timeline
from trading import execution, risk_inputs
from trading.day_results import DayResult, day_results
from trading.services import days
from trading.services.traders import deposit
from vanta.money import quantize_usdc

pytestmark = pytest.mark.django_db
D = Decimal
__all__ = ["timeline"]


def of_mode(mode: str) -> DayResult:
    (found,) = [result for result in day_results() if result.mode == mode]
    return found


def gained(person: Person) -> Decimal:
    """The equity of now less that of midnight and what was paid in since, as the daily loss has it."""
    account = risk_inputs.account_snapshot(risk_inputs.holdings(person.trader, "DRY"))
    assert account.day.opening_equity_usd is not None
    return account.equity_usd - account.day.opening_equity_usd - account.day.net_deposits_usd


def test_without_positions_and_bookings_the_day_has_brought_nothing(ada: Person) -> None:
    assert [result.mode for result in day_results()] == ["DRY", "LIVE"]
    assert not any(result.total_usd or result.traders or result.in_loss for result in day_results())


def test_it_is_what_the_daily_loss_is_measured_by(timeline: Timeline, ada: Person, grace: Person, eth: Market) -> None:
    """Held over midnight, half closed at a loss, deposited to; and opened today at a gain."""
    timeline.at(NOON)
    position = open_position(ada, "/long ETH 1000 10x sl=2900")
    timeline.at(MIDNIGHT - SECOND)
    minute(MIDNIGHT - MINUTE, "3000", "3000")
    timeline.at(MIDNIGHT + SECOND, "3000")
    minute(MIDNIGHT, "3000", "3000")
    days.open_days()
    timeline.at(MIDNIGHT + HOUR, "2950")
    close(ada, position, D("0.5"))
    execution.drain()
    deposit(trader=ada.trader, mode="DRY", amount_usd=D(500), reference="gift")
    open_position(grace, "/short ETH 100 10x")
    timeline.at(MIDNIGHT + 2 * HOUR, "2900.5")

    result = of_mode("DRY")

    assert result.total_usd == quantize_usdc(gained(ada) + gained(grace))
    assert result.realised_usd < 0 < gained(grace)
    assert (result.traders, result.in_loss, result.unopened) == (2, 1, 0)
    assert of_mode("LIVE").traders == 0


def test_modes_are_kept_apart(eth: Market) -> None:
    trader = make_trader()
    make_position(trader=trader, market=eth, mode="LIVE", accrued_usd=D(50))

    assert of_mode("LIVE").total_usd < 0
    assert of_mode("DRY").total_usd == 0


def test_what_was_unrealised_at_midnight_is_not_of_today(eth: Market) -> None:
    trader = make_trader()
    make_position(trader=trader, market=eth, accrued_usd=D(50))
    now = of_mode("DRY").unrealised_usd
    make_day_opening(trader=trader, collateral_usd=D(100), unrealised_usd=now)

    assert of_mode("DRY").total_usd == 0


def test_an_account_that_nobody_wrote_down_at_midnight_is_said_to_be_missing(timeline: Timeline, eth: Market) -> None:
    trader = make_trader()
    timeline.at(NOON)
    make_position(trader=trader, market=eth)
    timeline.at(MIDNIGHT + SECOND)

    assert of_mode("DRY").unopened == 1

    make_day_opening(trader=trader)
    assert of_mode("DRY").unopened == 0


def test_positions_without_any_price_count_as_at_their_entry_and_are_counted(eth: Market) -> None:
    make_position(market=eth)
    make_position(market=make_market("SOL/USD"), mode="LIVE")

    assert (of_mode("DRY").unpriced, of_mode("LIVE").unpriced) == (0, 1)
