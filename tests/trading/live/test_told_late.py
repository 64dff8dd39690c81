"""Limit orders of which the venue, or a worker of ours, tells late: they are still found out, once and rightly."""

import datetime as dt
from collections.abc import Collection
from decimal import Decimal

import pytest
import time_machine

from tests.factories import make_order
from tests.sandbox.conftest import Sandbox
from tests.trading.live.world import LIVE, LiveTrader, fault, later, look, make_due
from tests.waiting import wait_until
from trading import invariants, reconciliation, venue_accounts
from trading.models import Order, Placement, VenueAlarm
from trading.order_state import OrderState
from trading.services import placing
from trading.venues.avantis import trades
from trading.venues.avantis.trades import AtVenue
from vanta import clock

pytestmark = pytest.mark.django_db
PAUSED = dt.timedelta(seconds=100)


def place(live: LiveTrader) -> Order:
    terms = {"order_type": Order.Type.LIMIT, "limit_price": Decimal(2900), "mode": "LIVE"}
    order = make_order(trader=live.trader, **terms)
    placing.approve(order)
    return order


def until(order: Order, state: OrderState) -> None:
    def is_there() -> bool:
        look()
        order.refresh_from_db()
        return order.state == state

    wait_until(is_there, 15, f"{order} is {state}")


def test_a_fill_is_found_that_happened_while_a_worker_was_paused_with_older_news(
    live: LiveTrader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it books then was so when the venue was asked, and a fill after that is no older than the order."""
    order = place(live)
    until(order, OrderState.RESTING)
    Placement.objects.update(venue_order_id="")  # the real venue's rows may have none
    fault(live.sandbox, "status", service="history", status=500)
    asked, wakes = trades.at_venue_of, time_machine.travel(clock.now() + PAUSED, tick=True)

    def paused_after(wallets: Collection[str]) -> dict[str, AtVenue]:
        told = asked(wallets)
        filled(live.sandbox, live.wallet)
        wakes.start()
        return told

    monkeypatch.setattr(reconciliation, "at_venue_of", paused_after)
    make_due()
    try:
        reconciliation.drain(modes=LIVE)
        monkeypatch.setattr(reconciliation, "at_venue_of", asked)
        until(order, OrderState.FILLED)
    finally:
        wakes.stop()
    assert invariants.breaches() == []


def filled(sandbox: Sandbox, wallet: str) -> None:
    told = {"trader": wallet, "pairIndex": 0, "index": 0, "what": "limit"}
    sandbox.post("/control/venue/trigger", **told).raise_for_status()


def looked(live: LiveTrader) -> int:
    """Look, and count what the venue has done."""
    look()
    return len(live.effects)


def test_an_order_that_the_wallet_has_paid_for_is_never_said_to_be_rejected(live: LiveTrader) -> None:
    """However long the venue does not show it: said to be rejected, it would be placed again, and both filled."""
    order = place(live)
    fault(live.sandbox, "tamper", service="core", set={"limitOrders": []})
    fault(live.sandbox, "status", service="history", status=500)
    wait_until(lambda: looked(live) == 1, 15, "it is placed")
    look()
    with later(live.sandbox, 320):
        look()
        order.refresh_from_db()
        assert (order.state, VenueAlarm.objects.get().subject) == ("UNKNOWN", f"order {order.pk}")
        live.sandbox.control.delete("/control/faults")
        until(order, OrderState.RESTING)
        assert venue_accounts.reconcile(live.trader, live.wallet)
        assert (live.booked, Order.objects.count()) == (live.balance, 1)
