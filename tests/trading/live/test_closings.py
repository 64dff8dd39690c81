"""Closings under faults: what the venue took from a trade is what the books take from the position."""

from decimal import Decimal

import pytest

from tests.trading.live.world import LIVE, LiveTrader, fault, later, look, settle
from tests.trading.pipeline import assert_books_balance
from tests.waiting import wait_until
from trading import execution, venue_accounts
from trading.models import Fill, Intent, LedgerEntry, Order, Position, ShadowFill, VenueAlarm
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
    fill = Fill.objects.get(order=order)
    assert (fill.collateral_usd, live.booked) == (D(40), live.balance)
    assert D(39) < ShadowFill.objects.get(fill=fill).payout_usd < D(41)
    assert_books_balance()
    assert venue_accounts.reconcile_all() == 1
    assert settle(live.close(position)).state == "FILLED"
    assert live.booked == live.balance


def closes_untold(live: LiveTrader, position: Position) -> Order:
    """A closing that was executed, of which neither an event nor the history tells."""
    order = live.close(position)
    fault(live.sandbox, "error_after_fill")
    fault(live.sandbox, "status", service="history", status=500)
    execution.drain(modes=LIVE)
    wait_until(lambda: live.effects[-1]["kind"] == "close", 10, "the venue has closed it")
    return order


@pytest.mark.parametrize("moved", ["500", "-50"])
def test_money_that_moves_with_a_closing_is_no_profit_and_no_loss(live: LiveTrader, moved: str) -> None:
    order = closes_untold(live, live.opened())
    paid = D(live.effects[-1]["paidOut"]) / 10**6
    fund = {"trader": live.wallet, "balance": str(live.balance + D(moved))}
    live.sandbox.post("/control/venue/fund", **fund).raise_for_status()

    def is_doubted() -> bool:
        look()
        order.refresh_from_db()
        return VenueAlarm.objects.filter(kind="disputed_fill").exists()

    wait_until(is_doubted, 15, "it was looked at")
    assert order.state == "UNKNOWN"
    assert "can have paid" in VenueAlarm.objects.get(kind="disputed_fill", subject=f"order {order.pk}").detail
    live.sandbox.control.delete("/control/faults")
    settle(order)
    assert order.state == "FILLED"
    assert LedgerEntry.objects.get(transaction__order=order, account="free").amount_usd == paid
    assert venue_accounts.reconcile_all() == 1
    assert live.booked == live.balance
    assert_books_balance()


@pytest.mark.parametrize("moved_to", ["2950", "3050"])
def test_a_price_that_moved_a_little_explains_what_was_paid(live: LiveTrader, moved_to: str) -> None:
    position = live.opened()
    live.sandbox.post("/control/price", symbol="ETH/USD", price=moved_to).raise_for_status()
    order = settle(closes_untold(live, position))
    assert order.state == "FILLED"
    assert live.booked == live.balance


def test_a_closing_whose_trade_the_venue_liquidated_first_is_no_closing(live: LiveTrader) -> None:
    position = live.opened()
    order = live.close(position)
    fault(live.sandbox, "slow_execution", seconds=1)
    fault(live.sandbox, "forget_tracking")
    execution.drain(modes=LIVE)
    name = {"trader": live.wallet, "pairIndex": 0, "index": position.venue_index}
    live.sandbox.post("/control/venue/liquidate", **name).raise_for_status()
    wait_until(lambda: Intent.objects.get(order=order).nonce in live.state["usedNonces"], 10, "it was declined")
    with later(live.sandbox, 90):
        settle(order)
        assert (order.state, order.reason) == ("REJECTED", "canceled_by_venue")
        venue_accounts.reconcile_all()
    position.refresh_from_db()
    assert position.status == "liquidated"
    assert live.booked == live.balance
    assert_books_balance()
