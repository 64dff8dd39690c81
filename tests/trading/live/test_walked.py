"""What random walks have found (`walk.py`), each as the shortest way there."""

import time

import pytest

from tests.trading.live.world import LiveTrader, fault, later, look, settle
from tests.trading.pipeline import assert_books_balance
from tests.waiting import wait_until
from trading import invariants, venue_accounts
from trading.models import Order, Position
from trading.venues.avantis import client

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "ACCEPT_WITHIN_S", 1.5)


def stay_in_the_second(live: LiveTrader, opened_at_s: int | None) -> None:
    """The venue's clock is again where a second begins."""
    assert opened_at_s is not None
    live.sandbox.post("/control/clock", offset_s=opened_at_s + 0.1 - time.time()).raise_for_status()


def closed_in_the_venues_own_app(live: LiveTrader, position: Position) -> None:
    named = {"trader": live.wallet, "pairIndex": position.market.pair_index, "index": position.venue_index}
    live.sandbox.post("/control/venue/close", **named).raise_for_status()


def assert_all_agrees(live: LiveTrader) -> None:
    assert live.booked == live.balance
    held = Position.objects.filter(status="open").values_list("venue_index", "venue_opened_at_s")
    assert {*held} == {(int(t["index"]), int(t["openedAt"])) for t in live.state["positions"]}
    assert_books_balance()
    assert invariants.breaches() == []


def named_again(live: LiveTrader) -> tuple[Position, Order]:
    """A position whose trade was closed elsewhere, and an opening that is filled under the same name."""
    former = live.opened()
    closed_in_the_venues_own_app(live, former)
    order = live.approve()
    stay_in_the_second(live, former.venue_opened_at_s)
    look()
    return former, order


def test_an_opening_that_gets_the_name_of_a_trade_that_ended_elsewhere_is_booked(live: LiveTrader) -> None:
    former, order = named_again(live)
    settle(order)
    former.refresh_from_db()
    assert order.position is not None
    assert order.state == "FILLED"
    assert (order.position.venue_index, order.position.venue_opened_at_s) == (0, former.venue_opened_at_s)
    assert former.status == "closed"
    assert Order.objects.get(position=former, kind="close").reason == "closed_elsewhere"
    venue_accounts.reconcile_all()
    assert_all_agrees(live)


def test_where_history_says_nothing_of_the_former_its_end_is_believed_after_a_while(live: LiveTrader) -> None:
    fault(live.sandbox, "status", service="history", status=500)
    former, order = named_again(live)

    def is_unknown() -> bool:
        look()
        order.refresh_from_db()
        return order.state == "UNKNOWN"

    wait_until(is_unknown, 5, "the fill waits for the end of the former")
    with later(live.sandbox, 400):
        settle(order)
        venue_accounts.reconcile_all()
        former.refresh_from_db()
        assert (order.state, former.status) == ("FILLED", "closed")
        assert_all_agrees(live)


@pytest.mark.parametrize("how", ["close", "liquidate"])
def test_what_the_venue_did_without_an_order_of_ours_breaks_no_invariant(live: LiveTrader, how: str) -> None:
    position = live.opened()
    named = {"trader": live.wallet, "pairIndex": position.market.pair_index, "index": position.venue_index}
    live.sandbox.post(f"/control/venue/{how}", **named).raise_for_status()
    venue_accounts.reconcile_all()
    position.refresh_from_db()
    assert position.status != "open"
    assert_all_agrees(live)
