"""A market opening whose answer was lost and a limit order that looks like it: each gets its own trade, or none."""

from decimal import Decimal
from typing import Any

import pytest

from tests.trading.live.test_limit_orders import at_venue, cancel, rested
from tests.trading.live.world import LIVE, LiveTrader, fault, later, look, settle
from trading import execution, invariants, reconciliation, venue_accounts
from trading.models import LedgerTransaction, Order, Position
from trading.venues.avantis import trades
from trading.venues.avantis.trades import AtVenue

pytestmark = pytest.mark.django_db
NEAR = 2990  # so near to the market that either can have made either trade
OWN = {"limit": "limit_fill", "market": "open"}


def lost(live: LiveTrader, when: str) -> Order:
    """A market opening of which no answer came: `before` or `after` the venue had it."""
    order = live.approve()
    fault(live.sandbox, "drop", when=when, match="execute-batched")
    execution.drain(modes=LIVE)
    return order


def assert_none_has_anothers(live: LiveTrader, *orders: Order) -> None:
    """What was filled holds the trade that the venue's journal says it made."""
    made = {effect["kind"]: effect["index"] for effect in live.effects if effect["kind"] in OWN.values()}
    for order in orders:
        order.refresh_from_db()
        if order.state == "FILLED":
            kind = "limit_fill" if order.rests else "open"
            assert Position.objects.get(orders=order).venue_index == made[kind], order


def assert_each_has_its_own(live: LiveTrader, *orders: Order) -> None:
    """That, and the money is where the books say."""
    assert_none_has_anothers(live, *orders)
    assert live.booked == live.balance
    assert invariants.breaches() == []


@pytest.mark.parametrize("is_history_there", [True, False])
@pytest.mark.parametrize(
    ("market_has_it", "limit_is_filled", "ends"),
    [("before", True, ("EXPIRED", "FILLED")), ("after", False, ("FILLED", "RESTING")), ("after", True, None)],
    ids=["only the limit order", "only the market order", "both"],
)
def test_a_lost_answer_and_a_filled_limit_order(
    live: LiveTrader, market_has_it: str, limit_is_filled: bool, ends: tuple[str, str] | None, is_history_there: bool
) -> None:
    limit = rested(live, NEAR)
    market = lost(live, market_has_it)
    if not is_history_there:
        fault(live.sandbox, "status", service="history", status=500)
    if limit_is_filled:
        at_venue(live)
    for _ in range(3):
        look()
        assert_none_has_anothers(live, limit, market)
    with later(live.sandbox, 70):
        for _ in range(3):
            look()
        assert_none_has_anothers(live, limit, market)
        if ends is None and not is_history_there:
            assert (market.state, limit.state) == ("UNKNOWN", "RESTING")  # nobody can tell
            assert not venue_accounts.reconcile(live.trader, live.wallet)
            live.sandbox.control.delete("/control/faults")
            settle(market)
            settle(limit)
        assert (market.state, limit.state) == (ends or ("FILLED", "FILLED"))
        assert_each_has_its_own(live, limit, market)


def test_a_trade_at_a_price_that_the_limit_order_does_not_allow_is_the_market_orders(live: LiveTrader) -> None:
    limit = rested(live, 2000)
    market = lost(live, "after")
    fault(live.sandbox, "status", service="history", status=500)
    live.sandbox.post("/control/venue/cancel", trader=live.wallet, pairIndex=0, index=0).raise_for_status()
    with later(live.sandbox, 70):
        assert settle(market).state == "FILLED"
        assert settle(limit).state == "CANCELED"
    assert_each_has_its_own(live, limit, market)


def test_two_that_are_alike_and_one_of_which_was_filled(live: LiveTrader) -> None:
    first, second = rested(live, NEAR), rested(live, NEAR)
    at_venue(live, index=1)
    settle(second)
    first.refresh_from_db()
    assert first.state == "RESTING"
    assert settle(cancel(live, first)).state == "FILLED"
    assert_each_has_its_own(live, second)


def elsewhere(live: LiveTrader, what: str, **terms: Any) -> None:
    live.sandbox.post(f"/control/venue/{what}", trader=live.wallet, pairIndex=0, **terms).raise_for_status()


def test_an_order_that_was_placed_elsewhere_is_adopted_and_followed_to_its_fill(live: LiveTrader) -> None:
    elsewhere(live, "place", price=2900, collateral=200, leverage=5, sl=2700)
    assert venue_accounts.reconcile_all() == 1
    order = Order.objects.get()
    held = (order.state, order.limit_price, order.stop_loss, order.placement.is_adopted, order.placement.escrow_usd)
    assert held == ("RESTING", Decimal(2900), Decimal(2700), True, Decimal(200))
    assert live.booked == live.balance == Decimal(9800)
    assert not LedgerTransaction.objects.filter(kind="withdrawal").exists()
    at_venue(live)
    settle(order)
    assert order.state == "FILLED"
    assert_each_has_its_own(live, order)


def test_an_adopted_order_can_be_taken_back(live: LiveTrader) -> None:
    elsewhere(live, "place", price=2900, collateral=200, leverage=5)
    venue_accounts.reconcile_all()
    order = Order.objects.get()
    assert settle(cancel(live, order)).state == "FILLED"
    assert venue_accounts.reconcile_all() == 1
    assert_each_has_its_own(live)


def test_price_and_stops_that_were_changed_elsewhere_are_followed(live: LiveTrader) -> None:
    order = rested(live, 2900, stop_loss=Decimal(2800))
    elsewhere(live, "update", index=0, price=2850, sl=0)
    venue_accounts.reconcile_all()
    order.refresh_from_db()
    assert (order.limit_price, order.stop_loss, order.worst_loss_usd) == (Decimal(2850), None, Decimal(100))
    assert order.events.latest("sequence").detail["was"]["limit_price"] == "2900.0000000000"
    at_venue(live)
    settle(order)
    assert_each_has_its_own(live, order)


def test_a_placing_does_not_take_an_order_that_was_placed_elsewhere_before(live: LiveTrader) -> None:
    elsewhere(live, "place", price=2900, collateral=100, leverage=10)
    venue_accounts.reconcile_all()
    order = rested(live, 2900)
    assert order.placement.venue_index == 1
    assert Order.objects.filter(state="RESTING").count() == 2
    assert_each_has_its_own(live)


def test_collateral_that_differs_is_disputed(live: LiveTrader) -> None:
    order = rested(live)
    row = {**live.state["limitOrders"][0], "collateral": "150000000", "positionSize": "150000000"}
    fault(live.sandbox, "tamper", service="core", set={"limitOrders": [row]})
    look()
    venue_accounts.reconcile_all()
    order.refresh_from_db()
    assert (order.state, live.trader.disputed_since is None) == ("RESTING", False)
    live.sandbox.control.delete("/control/faults")
    venue_accounts.reconcile_all()
    assert live.trader.disputed_since is None


def test_one_request_a_wallet_tells_of_all_that_rests_in_it(live: LiveTrader, monkeypatch: pytest.MonkeyPatch) -> None:
    for price in (2900, 2800):
        rested(live, price)
    asked: list[set[str]] = []

    def counted(wallets: set[str]) -> dict[str, AtVenue]:
        asked.append(wallets)
        return trades.at_venue_of(wallets)

    monkeypatch.setattr(reconciliation, "at_venue_of", counted)
    look()
    assert asked == [{live.wallet}]
