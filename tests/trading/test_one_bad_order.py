"""A defect that one order meets stops that order and no other."""

import pytest

from feeds.models import Market
from tests.trading.people import Person
from tests.trading.pipeline import approve
from trading import execution, reconciliation
from trading.models import Attempt, Intent, Order, PaperExecution
from trading.venues.base import Expired, Filled, Prepared
from trading.venues.paper import PaperVenue
from vanta import clock

pytestmark = pytest.mark.django_db


def break_for(monkeypatch: pytest.MonkeyPatch, bad: Order) -> None:
    """The venue cannot prepare one order: stands for whatever defect may be there one day."""
    prepare = PaperVenue.prepare

    def broken(venue: PaperVenue, order: Order) -> Prepared:
        if order.pk == bad.pk:
            raise ArithmeticError("a defect")
        return prepare(venue, order)

    monkeypatch.setattr(PaperVenue, "prepare", broken)


def test_an_order_that_cannot_be_prepared_holds_up_no_other(
    ada: Person, grace: Person, eth: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = approve(ada, "/long ETH 100 10x"), approve(grace, "/long ETH 100 10x")
    break_for(monkeypatch, bad)
    execution.drain()
    bad.refresh_from_db()
    good.refresh_from_db()
    assert (bad.state, good.state) == ("APPROVED", "FILLED")
    assert bad.next_check_at > clock.now()


def test_a_nonce_that_was_proven_unexecuted_can_never_be_executed(ada: Person, eth: Market) -> None:
    order = approve(ada, "/long ETH 100 10x")
    execution.claim(reductions_only=False)
    intent = Intent.objects.get(order=order)
    intent.deadline = clock.now()
    venue = PaperVenue()
    assert isinstance(venue.find(intent), Expired)
    intent.deadline = clock.now() + execution.LEASE  # a submitter that was paused before it looked at the time
    assert isinstance(venue.submit([intent])[intent.nonce], Expired)
    assert isinstance(venue.find(intent), Expired)
    assert PaperExecution.objects.count() == 1


def test_a_venue_that_raises_leaves_the_order_unknown_until_it_answers(
    ada: Person, eth: Market, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = approve(ada, "/long ETH 100 10x")
    with monkeypatch.context() as broken:
        broken.setattr(PaperVenue, "submit", lambda *_: 1 / 0)
        execution.drain()
    order.refresh_from_db()
    assert order.state == "UNKNOWN"
    assert Attempt.objects.get().outcome == ""  # nobody answered, and the record does not say so
    Order.objects.filter(pk=order.pk).update(next_check_at=clock.now())
    reconciliation.drain()
    order.refresh_from_db()
    assert order.state == "FILLED"
    assert isinstance(PaperVenue().find(Intent.objects.get()), Filled)
