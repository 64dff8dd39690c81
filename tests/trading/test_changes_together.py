"""Changes of one position that meet before they are carried out: none is weighed as if the other were not there."""

from decimal import Decimal as D

import pytest

from feeds.models import Market
from tests.trading.increasing import approved
from tests.trading.people import Person, words
from tests.trading.pipeline import open_position
from trading.models import Order, Position
from trading.risk_inputs import account_snapshot, holdings
from trading.risk_usage import risk_usage
from trading.services import margin_moves
from trading.services.orders import Origin
from trading.services.stops import KEEP, change_stops

pytestmark = pytest.mark.django_db


def stop(person: Person, position: Position, level: int) -> Order:
    return change_stops(
        trader=person.trader, position_id=position.pk, stop_loss=D(level), take_profit=KEEP, origin=Origin()
    )


def margin(person: Person, position: Position, amount: int) -> Order:
    move = margin_moves.add if amount > 0 else margin_moves.withdraw
    return move(trader=person.trader, position_id=position.pk, amount_usd=D(abs(amount)), origin=Origin())


@pytest.mark.parametrize(
    ("before", "reason"),
    [
        (lambda ada, position: stop(ada, position, 2950), ""),
        (lambda ada, position: stop(ada, position, 2850), "order_under_way"),
        (lambda ada, position: margin(ada, position, -10), "order_under_way"),
        (lambda ada, position: margin(ada, position, 10), ""),
    ],
    ids=["a tighter stop", "a looser stop", "margin out", "margin in"],
)
def test_an_increase_waits_until_what_loosens_is_done(ada: Person, eth: Market, before: object, reason: str) -> None:
    position = open_position(ada, "/long ETH 100 10x sl=2900")
    assert before(ada, position).state == "APPROVED"  # type: ignore[operator]
    ada.types("/increase ETH 10")
    order = ada.orders[-1]
    assert (order.kind, order.reason) == ("increase", reason)


@pytest.mark.parametrize("kind", ["increase", "margin out"])
def test_nothing_is_loosened_while_the_position_grows_or_loses_margin(ada: Person, eth: Market, kind: str) -> None:
    position = open_position(ada, "/long ETH 100 10x sl=2900")
    if kind == "increase":
        approved(ada, "/increase ETH 10")
    else:
        margin(ada, position, -10)
    assert stop(ada, position, 2850).reason == "order_under_way"
    assert stop(ada, position, 2950).state == "APPROVED"


def test_what_changes_a_position_is_no_size_and_only_added_margin_is_reserved(ada: Person, eth: Market) -> None:
    position = open_position(ada, "/long ETH 100 10x sl=2900")
    before, sizes = account_snapshot(holdings(ada.trader, "DRY"), eth), risk_usage(ada.trader, "DRY").sizes
    stop(ada, position, 2850)
    assert account_snapshot(holdings(ada.trader, "DRY"), eth).reserved_usd == before.reserved_usd == 0
    margin(ada, position, 10)
    assert account_snapshot(holdings(ada.trader, "DRY"), eth).reserved_usd == 10
    assert risk_usage(ada.trader, "DRY").sizes == sizes


def test_the_list_of_orders_says_of_each_what_it_wanted(ada: Person, eth: Market) -> None:
    position = open_position(ada, "/long ETH 100 10x sl=2900")
    stop(ada, position, 2950)
    margin(ada, position, 10)
    told = words(ada.types("/orders"))
    for part in ("open long ETH 100.00 at 10x", "stops long ETH sl 2,950.00 tp none", "add margin long ETH 10.00"):
        assert part in told
