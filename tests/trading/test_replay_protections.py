"""Protections in a replay: held against the stop-outs that there were, of positions that would have been opened."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from feeds.models import Market
from risk.limits import Terms
from tests.trading.people import Person
from tests.trading.pipeline import approve, open_position
from tests.trading.protecting import Protect, look, protect
from tests.trading.timeline import HOUR, MIDNIGHT, MINUTE, NOON, SECOND, Timeline, timeline
from trading import execution
from trading.limits import policies_of
from trading.replay import Proposal, Replay, replay
from trading.services import days
from trading.services.traders import deposit
from vanta import clock

__all__ = ["protect", "timeline"]
pytestmark = pytest.mark.django_db
D = Decimal
OTHER = "/long ETH 50 5x"


def replayed(person: Person, may_loosen: bool = False, **limits: Any) -> Replay:
    """What a policy with these terms, in place of what the person has, would have done to two days."""
    tier, _, own = policies_of(person.trader)
    proposal = Proposal({person.trader.pk: (tier, 0, own)}, {0: Terms(limits, may_loosen)})
    return replay(proposal, since=clock.now() - dt.timedelta(days=2))


def stopped_out(timeline: Timeline, person: Person, at: dt.datetime) -> None:
    """An opening of 100 at 10x that is stopped out a second later."""
    timeline.at(at - SECOND)
    open_position(person, "/long ETH 100 10x sl=2900")
    timeline.at(at, "2899")
    look(Market.objects.get(symbol="ETH/USD"))
    execution.drain()


@pytest.fixture
def half_an_hour_later(timeline: Timeline, ada: Person, eth: Market) -> Person:
    """Somebody without protections who was stopped out at noon, and opened again."""
    stopped_out(timeline, ada, NOON)
    timeline.at(NOON + 30 * MINUTE)
    approve(ada, OTHER)
    return ada


@pytest.mark.parametrize(
    ("terms", "told"),
    [
        ({"cooldown_minutes": 30}, None),
        ({"cooldown_minutes": 31}, ("cooldown", D(30), D(31))),
        ({"market_stops": 2, "market_stops_hours": 24}, None),
        ({"market_stops": 1, "market_stops_hours": 24}, ("market_lock", D(1), D(1))),
        ({"market_stops": 1}, None),  # half a pair is off
    ],
)
def test_an_opening_that_a_protection_would_have_held_is_denied(
    half_an_hour_later: Person, terms: dict[str, Any], told: tuple[str, Decimal, Decimal] | None
) -> None:
    first, second = replayed(half_an_hour_later, **terms).decisions
    assert (first.is_changed, second.is_changed) == (False, told is not None)
    assert [(check.code, check.measured, check.limit) for check in second.checks] == ([told] if told else [])


def test_a_position_that_would_not_have_been_opened_stopped_nobody_out(half_an_hour_later: Person) -> None:
    first, second = replayed(half_an_hour_later, cooldown_minutes=60, max_leverage=D(9)).decisions
    assert [each.would_be_approved for each in (first, second)] == [False, True]


def test_what_only_a_protection_had_denied_is_approved_without_it(
    timeline: Timeline, ada: Person, eth: Market, protect: Protect
) -> None:
    protect(ada, cooldown_minutes=60)
    stopped_out(timeline, ada, NOON)
    timeline.at(NOON + 30 * MINUTE)
    ada.types(OTHER)
    assert ada.orders[-1].reason == "cooldown"
    (changed,) = replayed(ada).changed
    assert (changed.order.pk, changed.would_be_approved) == (ada.orders[-1].pk, True)
    assert replayed(ada, cooldown_minutes=60).changed == []


@pytest.mark.parametrize(("pct", "would_be_approved"), [("0.0018", True), ("0.0017", False)])
def test_the_high_is_that_of_the_midnights_before_and_deposits_are_not_in_the_fall(
    timeline: Timeline, ada: Person, eth: Market, pct: str, would_be_approved: bool
) -> None:
    """About 34.6 were lost of 10 000, and 10 000 paid in: 0.173 % of 20 000."""
    timeline.at(MIDNIGHT - 12 * HOUR)
    ada.types("/start")
    days.open_days()
    stopped_out(timeline, ada, MIDNIGHT + HOUR)
    deposit(trader=ada.trader, mode="DRY", amount_usd=D(10_000), reference="later")
    timeline.at(MIDNIGHT + 2 * HOUR)
    approve(ada, OTHER)
    last = replayed(ada, drawdown_pct=D(pct), drawdown_days=3).decisions[-1]
    assert last.would_be_approved is would_be_approved, last.checks
