"""An increase and a closing of its position never meet, whichever comes first."""

import datetime as dt
from decimal import Decimal

import pytest
from pytest_django import Settings

from feeds.models import Market
from tests.trading.conftest import SetPrice
from tests.trading.increasing import again, approved, assert_agrees, ended, free
from tests.trading.people import Person, words
from tests.trading.pipeline import close, open_position
from tests.trading.races import at_once
from trading import (
    execution,
    guardian,
    reconciliation,
)
from trading.models import Fill, MarketWatch, Order, PaperExecution, Position
from trading.services import placing
from trading.venues.registry import VENUES
from vanta import clock

pytestmark = pytest.mark.django_db
D = Decimal


def test_a_position_that_closed_before_the_confirmation_is_not_increased(ada: Person, eth: Market) -> None:
    position = open_position(ada)
    first, second = ada.drafts("/increase ETH 50"), ada.drafts("/increase ETH 50")
    closing = close(ada, position)
    assert placing.place(trader=ada.trader, order_id=first.pk).reason == "position_closed"
    assert ended(closing).state == "FILLED"
    assert "has ended, or is being closed" in words(ada.taps(f"confirm:{second.pk}"))
    assert_agrees()


@pytest.mark.parametrize("way", ["/close ETH", "/close #{}", "tap", "guardian"])
def test_closing_all_of_it_stops_an_increase_that_has_not_left(
    ada: Person, eth: Market, price: SetPrice, way: str
) -> None:
    position = open_position(ada, "/long ETH 100 10x sl=2990")
    order = approved(ada)
    if way == "tap":
        ada.taps(f"close:{position.pk}:100:0")
    elif way == "guardian":
        price("ETH/USD", "2985")
        guardian.close_crossed()
    else:
        ada.types(way.format(position.pk))
    order.refresh_from_db()
    assert (order.state, order.reason) == ("CANCELED", "canceled_by_close")
    execution.drain()
    assert again(position).status == "closed"
    assert_agrees()


def test_a_closing_of_a_part_goes_first_and_the_increase_follows(ada: Person, eth: Market) -> None:
    position = open_position(ada)
    order, closing = approved(ada), close(ada, position, D("0.5"))
    (first,) = execution.claim(reductions_only=False)
    assert first.pk == closing.pk
    assert execution.claim(reductions_only=False) == []
    execution.carry_out([first])
    assert ended(order).state == "FILLED"
    assert again(position).collateral_usd == 100
    assert_agrees()


def test_a_closing_waits_for_an_increase_on_its_way_and_is_priced_for_what_there_is_then(
    ada: Person, eth: Market, price: SetPrice
) -> None:
    position = open_position(ada)
    price("ETH/USD", "3300")
    order = approved(ada)
    (claimed,) = execution.claim(reductions_only=False)
    closing = close(ada, position)
    assert execution.claim(reductions_only=False) == []
    execution.carry_out([claimed])
    order.refresh_from_db()
    assert (order.state, ended(closing).state) == ("FILLED", "FILLED")
    assert (again(position).status, again(position).collateral_usd) == ("open", D(50))
    won = Fill.objects.get(order=closing).pnl_usd
    exit_price = D(3300) * D("0.9999")
    whole = 1000 * (exit_price / D("3000.3") - 1) + 500 * (exit_price / D("3300.33") - 1)
    assert won == pytest.approx(whole * 2 / 3, abs=D("0.0001"))
    assert_agrees()


def test_an_increase_on_its_way_keeps_the_guardian_from_a_liquidation_price_that_moves(
    ada: Person, eth: Market, price: SetPrice
) -> None:
    position = open_position(ada, "/long ETH 100 20x")
    approved(ada, "/increase ETH 300 2x")
    (claimed,) = execution.claim(reductions_only=False)
    Position.objects.filter(pk=position.pk).update(liquidation_price=D(3001))
    assert guardian.close_crossed() == 0
    execution.carry_out([claimed])
    price("ETH/USD", "2870")
    assert guardian.close_crossed() == 0
    assert again(position).status == "open"


def test_a_position_that_ended_after_all_is_not_added_to(ada: Person, eth: Market) -> None:
    """What no turn kept apart, the paper venue's own look does: nothing is taken."""
    position = open_position(ada)
    order, before = approved(ada), free(ada)
    (claimed,) = execution.claim(reductions_only=False)
    Position.objects.filter(pk=position.pk).update(status="closed")
    execution.carry_out([claimed])
    order.refresh_from_db()
    assert (order.state, order.reason, free(ada)) == ("REJECTED", "position_closed", before)
    assert "fee_usd" not in PaperExecution.objects.get(nonce=f"paper-{order.pk}").result


def test_prices_that_nobody_has_looked_at_come_before_it(ada: Person, eth: Market) -> None:
    position = open_position(ada)
    order = approved(ada)
    MarketWatch.objects.update_or_create(market=eth, defaults={"watched_until": clock.now() - dt.timedelta(seconds=6)})
    assert (ended(order).state, order.reason) == ("REJECTED", "prices_unwatched")
    assert again(position).collateral_usd == 100
    MarketWatch.objects.update(watched_until=clock.now())
    assert ended(approved(ada)).state == "FILLED"


def test_a_late_answer_is_booked_from_the_journal_once(ada: Person, eth: Market) -> None:
    position = open_position(ada)
    order = approved(ada)
    (claimed,) = execution.claim(reductions_only=False)
    VENUES["DRY"].submit([claimed.intent])  # and the worker was killed
    Order.objects.filter(pk=order.pk).update(next_check_at=clock.now())
    reconciliation.drain()
    reconciliation.drain()
    assert (again(position).collateral_usd, Fill.objects.filter(order=order).count()) == (D(150), 1)
    assert_agrees()


@pytest.mark.django_db(transaction=True)
def test_workers_that_race_never_have_both_on_their_way(eth: Market, settings: Settings) -> None:
    settings.PRICE_MAX_AGE_S = D(60)  # on a busy machine
    people = [Person() for _ in range(6)]
    positions = [open_position(person) for person in people]
    for person in people:
        approved(person)

    def close_halves() -> None:
        for person, position in zip(people, positions, strict=True):
            close(person, position, D("0.5"))

    at_once(close_halves, execution.drain, execution.drain)
    execution.drain()
    for position in positions:
        lives = [
            (events.get(to_state="SUBMITTING").pk, events.get(to_state="FILLED").pk)
            for events in (order.events for order in Order.objects.filter(position=position).exclude(kind="open"))
        ]
        (_, first_ends), (second_begins, _) = sorted(lives)
        assert first_ends < second_begins
    assert_agrees()
