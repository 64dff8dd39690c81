"""Protections against real stop-outs and liquidations: what counts, for whom, and until when."""

import datetime as dt
from decimal import Decimal

import pytest

from feeds.models import CandleCoverage, Market
from tests.factories import make_market
from tests.trading.conftest import SetPrice
from tests.trading.people import Person
from tests.trading.pipeline import assert_books_balance, close, open_position
from tests.trading.protecting import Protect, look, protect
from tests.trading.timeline import HOUR, MIDNIGHT, MINUTE, NOON, SECOND, Timeline, minute, timeline
from trading import execution, guardian, risk_inputs
from trading.models import MarketWatch, Order, Position
from trading.services import days
from trading.services.traders import deposit

pytestmark = pytest.mark.django_db
D = Decimal
DAY = dt.timedelta(days=1)
__all__ = ["protect", "timeline"]
STOPPED, UNSTOPPED = "/long ETH 100 10x sl=2900", "/long ETH 100 10x"


def fall(timeline: Timeline, at: dt.datetime, price: str) -> None:
    """It is that moment and price, and the guardian looks."""
    timeline.at(at, price)
    look(Market.objects.get(symbol="ETH/USD"))
    execution.drain()


def stop_out(timeline: Timeline, person: Person, at: dt.datetime, text: str = STOPPED, price: str = "2899") -> Position:
    """Opened a second before, ended then."""
    timeline.at(at - SECOND)
    position = open_position(person, text)
    fall(timeline, at, price)
    position.refresh_from_db()
    return position


def codes(person: Person, text: str = "/long ETH 50 10x sl=2990") -> list[str]:
    person.types(text)
    return [denial["code"] for denial in person.orders[-1].decision["denials"]]


@pytest.mark.parametrize(
    ("text", "falls_to", "ended_by", "denied"),
    [
        (STOPPED, "2899", "stop_loss", ["cooldown"]),
        (UNSTOPPED, "2700", "liquidation", ["cooldown"]),
        ("/long ETH 100 10x tp=3100", "3100", "take_profit", []),
    ],
)
def test_a_stop_out_and_a_liquidation_cool_down_and_a_take_profit_does_not(
    timeline: Timeline,
    ada: Person,
    eth: Market,
    protect: Protect,
    text: str,
    falls_to: str,
    ended_by: str,
    denied: list[str],
) -> None:
    protect(ada, cooldown_minutes=60)
    assert stop_out(timeline, ada, NOON, text, falls_to).ended_by == ended_by
    timeline.at(NOON + HOUR - SECOND)
    assert codes(ada) == denied
    timeline.at(NOON + HOUR)
    assert codes(ada) == []
    assert_books_balance()


def test_a_confirmation_is_held_to_it_too(timeline: Timeline, ada: Person, eth: Market, protect: Protect) -> None:
    protect(ada, cooldown_minutes=60)
    timeline.at(NOON - SECOND)
    open_position(ada, STOPPED)
    draft = ada.drafts("/long ETH 50 10x sl=2800")
    fall(timeline, NOON, "2899")
    timeline.at(NOON + SECOND)
    ada.taps(f"confirm:{draft.pk}")
    draft.refresh_from_db()
    assert (draft.state, draft.reason) == ("DENIED", "cooldown")


def test_what_the_trader_closes_at_a_loss_is_no_stop_out(
    timeline: Timeline, ada: Person, eth: Market, protect: Protect
) -> None:
    protect(ada, cooldown_minutes=60)
    position = open_position(ada)
    timeline.at(NOON, "2900")
    close(ada, position)
    execution.drain()
    position.refresh_from_db()
    assert position.realised_pnl_usd < 0
    assert position.ended_by == ""
    assert codes(ada, "/long ETH 50 10x") == []


def test_a_stop_beyond_the_entry_ends_a_position_that_won_and_does_not_count(
    timeline: Timeline, ada: Person, eth: Market, protect: Protect
) -> None:
    protect(ada, cooldown_minutes=60)
    position = open_position(ada, STOPPED)
    Position.objects.filter(pk=position.pk).update(stop_loss=D(3050))
    fall(timeline, NOON, "3049")
    position.refresh_from_db()
    assert (position.ended_by, position.realised_pnl_usd > 0) == ("stop_loss", True)
    assert codes(ada) == []


def test_a_position_that_half_of_was_won_counts_as_a_whole(
    timeline: Timeline, ada: Person, eth: Market, protect: Protect
) -> None:
    protect(ada, cooldown_minutes=60)
    position = open_position(ada, STOPPED)
    timeline.at(NOON, "3300")
    close(ada, position, D("0.5"))
    execution.drain()
    fall(timeline, NOON + SECOND, "2899")
    position.refresh_from_db()
    assert (position.ended_by, position.realised_pnl_usd > 0) == ("stop_loss", True)
    timeline.at(NOON + 2 * SECOND)
    assert codes(ada) == []


def test_a_stop_out_found_after_downtime_counts_from_when_it_was(
    timeline: Timeline, ada: Person, eth: Market, protect: Protect
) -> None:
    protect(ada, cooldown_minutes=60)
    timeline.at(NOON)
    position = open_position(ada, STOPPED)
    MarketWatch.objects.create(market=eth, watched_until=NOON)
    for number in range(50):
        minute(NOON + number * MINUTE, "3000", "2895" if number == 10 else "3000")
    CandleCoverage.objects.create(price_symbol="ETH/USD", resolution_s=60, complete_until=NOON + 50 * MINUTE)
    timeline.at(NOON + 50 * MINUTE)
    assert guardian.close_crossed() == 1
    execution.drain()
    position.refresh_from_db()
    assert (position.ended_by, position.closed_at) == ("stop_loss", NOON + 10 * MINUTE)
    assert codes(ada) == ["cooldown"]
    timeline.at(NOON + 70 * MINUTE)
    assert codes(ada) == []


def test_a_market_is_locked_by_its_own_stop_outs_and_others_are_not(
    timeline: Timeline, ada: Person, eth: Market, price: SetPrice, protect: Protect
) -> None:
    protect(ada, market_stops=2, market_stops_hours=24)
    make_market("BTC/USD")
    stop_out(timeline, ada, NOON)
    timeline.at(NOON + HOUR)
    assert codes(ada) == []
    stop_out(timeline, ada, NOON + 2 * HOUR, UNSTOPPED, "2700")
    timeline.at(NOON + 24 * HOUR - SECOND)
    price("BTC/USD", "60000")
    assert codes(ada) == ["market_lock"]
    assert codes(ada, "/long BTC 50 10x sl=59000") == []
    timeline.at(NOON + 24 * HOUR)
    assert codes(ada) == []


def test_the_equity_of_past_midnights_is_the_high_and_deposits_are_not_in_the_fall(
    timeline: Timeline, ada: Person, eth: Market, protect: Protect
) -> None:
    """10 000 at two midnights, 5 % lost since, and as much paid in as was lost: still 5 % below, of 10 500."""
    protect(ada, drawdown_pct=D("0.04"), drawdown_days=3)
    timeline.at(MIDNIGHT + SECOND)
    days.open_days()
    timeline.at(MIDNIGHT + HOUR)
    position = open_position(ada, "/long ETH 1000 10x sl=2800")
    timeline.at(MIDNIGHT + 2 * HOUR, "2850")
    close(ada, position)
    execution.drain()
    deposit(trader=ada.trader, mode="DRY", amount_usd=D(500), reference="more")
    timeline.at(MIDNIGHT + 3 * HOUR)
    assert codes(ada) == ["drawdown_lock"]
    (denial,) = ada.orders[-1].decision["denials"]
    assert D("0.048") < D(denial["measured"]) < D("0.0495")
    assert denial["detail"] == (MIDNIGHT + 3 * DAY).isoformat()
    timeline.at(MIDNIGHT + 3 * DAY - SECOND)
    assert codes(ada) == ["drawdown_lock"]
    timeline.at(MIDNIGHT + 3 * DAY)
    assert codes(ada) == []


def test_a_day_that_nobody_wrote_down_is_absent_and_todays_is_worked_out(
    timeline: Timeline, ada: Person, eth: Market, protect: Protect
) -> None:
    protect(ada, drawdown_pct=D("0.04"), drawdown_days=3)
    timeline.at(MIDNIGHT + HOUR)
    position = open_position(ada, "/long ETH 1000 10x sl=2800")
    timeline.at(MIDNIGHT + 2 * HOUR, "2850")
    close(ada, position)
    execution.drain()
    timeline.at(MIDNIGHT + 3 * HOUR)
    assert codes(ada) == ["drawdown_lock"]
    held = risk_inputs.holdings(ada.trader, "DRY")
    assert [then.equity_usd for then in risk_inputs.losses(held, None).openings] == [D(10_000)]


def test_closing_is_never_locked(timeline: Timeline, ada: Person, eth: Market, protect: Protect) -> None:
    protect(ada, cooldown_minutes=60, drawdown_pct=D("0.0001"), drawdown_days=1, market_stops=1, market_stops_hours=1)
    timeline.at(NOON - 2 * SECOND)
    position = open_position(ada, "/long ETH 50 2x")
    days.open_days()
    stop_out(timeline, ada, NOON)
    assert codes(ada, "/long ETH 50 10x") == ["cooldown", "drawdown_lock", "market_lock"]
    ada.types("/close all")
    execution.drain()
    position.refresh_from_db()
    assert position.status == "closed"


def test_dry_and_live_are_locked_apart(timeline: Timeline, ada: Person, eth: Market, protect: Protect) -> None:
    protect(ada, cooldown_minutes=60, market_stops=1, market_stops_hours=1)
    position = stop_out(timeline, ada, NOON)
    timeline.at(NOON + SECOND)
    assert codes(ada) == ["cooldown", "market_lock"]
    Position.objects.filter(pk=position.pk).update(mode="LIVE")  # no venue executes LIVE orders yet
    assert codes(ada) == []


def test_neither_another_traders_stop_out_nor_another_traders_protection_concerns_one(
    timeline: Timeline, ada: Person, grace: Person, eth: Market, protect: Protect
) -> None:
    protect(ada, cooldown_minutes=60)
    stop_out(timeline, grace, NOON)
    timeline.at(NOON + SECOND)
    assert (codes(ada), codes(grace)) == ([], [])
    assert not Order.objects.filter(state="DENIED").exists()
