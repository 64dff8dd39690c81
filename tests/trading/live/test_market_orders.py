"""A LIVE market order from the second tap to the books, executed by the venue once."""

from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from tests.factories import make_position, make_trader
from tests.trading.live.world import LiveTrader, look, settle
from tests.trading.pipeline import assert_books_balance
from trading.models import Attempt, Fill, Intent, Position, VenueEvent

pytestmark = pytest.mark.django_db
D = Decimal


def test_an_opening_is_executed_once_and_booked_as_the_venue_tells(live: LiveTrader) -> None:
    order = settle(live.approve("/long ETH 100 10x sl=2900 tp=3300"))
    assert order.state == "FILLED"
    position, fill = Position.objects.get(), Fill.objects.get()
    assert (position.mode, position.side, position.leverage) == ("LIVE", "long", D(10))
    assert (position.collateral_usd, fill.fee_usd) == (D("99.55"), D("0.45"))
    assert position.venue_index == 0
    assert len(live.effects) == 1
    assert live.trader.accounts.get(mode="LIVE").free_balance_usd == live.balance == D(9900)
    assert_books_balance()


def test_a_trade_may_have_the_name_of_one_that_is_over_but_not_of_one_that_is_open(db: None) -> None:
    name = {"mode": "LIVE", "venue_index": 0, "venue_opened_at_s": 1_795_518_875, "trader": make_trader()}
    make_position(status="closed", **name)
    make_position(status="open", **name)
    with pytest.raises(IntegrityError, match="one_position_per_trade"), transaction.atomic():
        make_position(status="open", **name)


def test_a_closing_pays_what_the_venue_sent(live: LiveTrader) -> None:
    position = live.opened()
    order = settle(live.close(position))
    position.refresh_from_db()
    assert (order.state, position.status) == ("FILLED", "closed")
    assert live.trader.accounts.get(mode="LIVE").free_balance_usd == live.balance
    assert_books_balance()


def test_a_partial_closing_leaves_the_rest_open(live: LiveTrader) -> None:
    position = live.opened()
    settle(live.close(position, D("0.25")))
    position.refresh_from_db()
    assert (position.status, position.collateral_usd) == ("open", D("74.662500"))
    settle(live.close(position))
    assert live.trader.accounts.get(mode="LIVE").free_balance_usd == live.balance
    assert_books_balance()


def test_submitting_is_over_when_the_venue_has_taken_it(live: LiveTrader) -> None:
    order = live.approve()
    look()
    order.refresh_from_db()
    attempt = Attempt.objects.get()
    assert attempt.tracking_id == VenueEvent.objects.filter(seq=0).get().tracking_id
    assert Intent.objects.get().payload["signer"] == live.delegate.address
    settle(order)
    assert list(order.events.values_list("to_state", flat=True))[:4] == ["DRAFT", "APPROVED", "SUBMITTING", "ACCEPTED"]
