"""Closings under faults: what the venue took from a trade is what the books take from the position."""

from decimal import Decimal

import pytest

from tests.trading.live.world import LIVE, LiveTrader, fault, settle
from tests.trading.pipeline import assert_books_balance
from trading import execution, venue_accounts
from trading.models import Fill, Intent, Order
from trading.venues.avantis import client
from trading.venues.registry import VENUES

pytestmark = pytest.mark.django_db
D = Decimal


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "ACCEPT_WITHIN_S", 1.5)


CLOSE_FAULTS = ["lost_accept", "error_after_fill", "forget_tracking", "duplicate_events"]


@pytest.mark.parametrize("kind", CLOSE_FAULTS)
@pytest.mark.parametrize("share", ["1", "0.25"])
def test_a_closing_under_a_fault(live: LiveTrader, kind: str, share: str) -> None:
    position = live.opened()
    order = live.close(position, D(share))
    fault(live.sandbox, kind)
    settle(order, within_s=30)
    assert order.state == "FILLED"
    assert [effect["kind"] for effect in live.effects] == ["open", "close"]
    assert live.booked == live.balance
    assert_books_balance()


def test_a_closing_is_found_without_history(live: LiveTrader) -> None:
    position = live.opened()
    order = live.close(position)
    fault(live.sandbox, "error_after_fill")
    fault(live.sandbox, "status", service="history", status=500)
    settle(order, within_s=30)
    assert order.state == "FILLED"
    assert live.booked == live.balance
    assert_books_balance()


@pytest.mark.parametrize("is_told_by", ["event", "history"])
def test_a_closing_that_took_only_a_part_leaves_the_rest_open(live: LiveTrader, is_told_by: str) -> None:
    position = live.opened()
    order = live.close(position)
    Order.objects.filter(pk=order.pk).update(collateral_usd=D(40))  # what the venue does: it takes 40
    (claimed_order,) = execution.claim(reductions_only=False, modes=LIVE)
    Order.objects.filter(pk=order.pk).update(collateral_usd=position.collateral_usd)  # what was ordered
    kept = Intent.objects.get(order=order)
    kept.payload["expected"]["collateral"] = "99550000"
    kept.save()
    if is_told_by == "history":
        fault(live.sandbox, "error_after_fill")
    VENUES["LIVE"].submit([claimed_order.intent])
    settle(order, within_s=30)
    position.refresh_from_db()
    assert (order.state, position.status, position.collateral_usd) == ("FILLED", "open", D("59.55"))
    assert (Fill.objects.get(order=order).collateral_usd, live.booked) == (D(40), live.balance)
    assert_books_balance()
    assert venue_accounts.reconcile_all() == 1
    assert settle(live.close(position)).state == "FILLED"
    assert live.booked == live.balance
