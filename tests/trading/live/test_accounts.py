"""What happened at the venue without an order of ours reaches the books, the chat, and the limits."""

import datetime as dt
from decimal import Decimal

import pytest

from tests.trading.keys.rings import make_delegate
from tests.trading.live.world import LIVE, LiveTrader, fault, later, look, settle
from tests.trading.pipeline import assert_books_balance
from trading import execution, settlement, venue_accounts
from trading.models import Delegate, LedgerTransaction, Order, OutboxMessage, Position, ShadowFill, Trader, VenueAlarm
from trading.selectors import order_chain
from trading.telegram import cards, story
from trading.venues.avantis import orders
from vanta import clock

pytestmark = pytest.mark.django_db
D = Decimal


def reconcile(live: LiveTrader) -> None:
    assert venue_accounts.reconcile_all() == 1
    assert live.booked == live.balance
    assert_books_balance()


def at_venue(live: LiveTrader, what: str, position: Position, **terms: object) -> None:
    name = {"pairIndex": position.market.pair_index, "index": position.venue_index}
    live.sandbox.post(f"/control/venue/{what}", trader=live.wallet, **name, **terms).raise_for_status()


def test_nothing_changes_where_the_books_agree(live: LiveTrader) -> None:
    live.opened()
    before = LedgerTransaction.objects.count()
    reconcile(live)
    assert LedgerTransaction.objects.count() == before


@pytest.mark.parametrize(("usd", "kind"), [("10500", "deposit"), ("9000", "withdrawal")])
def test_money_that_came_or_went_is_booked_as_such(live: LiveTrader, usd: str, kind: str) -> None:
    live.sandbox.post("/control/venue/fund", trader=live.wallet, balance=usd).raise_for_status()
    reconcile(live)
    assert LedgerTransaction.objects.latest("pk").kind == kind
    assert live.booked == D(usd)


@pytest.mark.parametrize(
    ("what", "status", "reason"),
    [
        ("close", "closed", "closed_elsewhere"),
        ("liquidate", "liquidated", "liquidation"),
    ],
)
def test_a_position_that_the_venue_ended_is_closed_and_told(
    live: LiveTrader, what: str, status: str, reason: str
) -> None:
    position = live.opened()
    at_venue(live, what, position)
    reconcile(live)
    position.refresh_from_db()
    order = Order.objects.latest("pk")
    assert (position.status, order.reason, order.kind, order.state) == (status, reason, "close", "FILLED")
    assert OutboxMessage.objects.filter(order=order, method="order_card").exists()
    assert "Outside Vanta".lower() in cards.order_card(order)["text"].lower() or reason == "liquidation"


def test_a_part_that_was_closed_elsewhere(live: LiveTrader) -> None:
    position = live.opened()
    at_venue(live, "close", position, collateral="40")
    reconcile(live)
    position.refresh_from_db()
    assert (position.status, position.collateral_usd) == ("open", D("59.55"))
    settle(live.close(position))
    assert live.booked == live.balance


def test_without_history_the_balance_tells_what_was_paid(live: LiveTrader) -> None:
    position = live.opened()
    at_venue(live, "close", position)
    fault(live.sandbox, "status", service="history", status=500)
    reconcile(live)
    position.refresh_from_db()
    assert position.status == "closed"
    assert not LedgerTransaction.objects.filter(kind="withdrawal").exists()


def test_a_trade_that_was_opened_elsewhere_is_adopted_and_can_be_closed(live: LiveTrader) -> None:
    position = live.opened()
    Position.objects.filter(pk=position.pk).update(venue_index=7)  # as if our books knew another one
    Trader.objects.filter(pk=live.trader.pk).update(disputed_since=clock.now() - dt.timedelta(hours=1))
    venue_accounts.reconcile_all()
    adopted = Position.objects.latest("pk")
    assert (adopted.venue_index, adopted.collateral_usd, adopted.status) == (0, D("99.55"), "open")
    assert "outside Vanta" in cards.order_card(Order.objects.get(reason="opened_elsewhere"))["text"]
    assert settle(live.close(adopted)).state == "FILLED"
    assert live.booked == live.balance
    assert_books_balance()


def test_a_connection_to_another_wallet_that_came_to_nothing_closes_nothing(live: LiveTrader) -> None:
    position = live.opened()
    failed = make_delegate(trader=live.trader, status=Delegate.Status.PREPARED)
    failed.end(Delegate.Status.FAILED, "not_signed")
    failed.save()
    Delegate.objects.filter(pk=live.delegate.pk).update(expires_at=clock.now())  # what is open stays where it is
    reconcile(live)
    position.refresh_from_db()
    assert position.status == "open"


def test_an_empty_answer_that_nothing_explains_ends_no_position(live: LiveTrader) -> None:
    position = live.opened()
    fault(live.sandbox, "tamper", service="core", set={"positions": []})
    for _ in range(2):
        venue_accounts.reconcile_all()
        position.refresh_from_db()
        assert position.status == "open"
    assert live.trader.disputed_since is not None
    live.sandbox.control.delete("/control/faults")
    reconcile(live)
    assert live.trader.disputed_since is None


def test_what_stays_gone_without_an_explanation_is_believed_in_the_end(live: LiveTrader) -> None:
    position = live.opened()
    at_venue(live, "liquidate", position)
    fault(live.sandbox, "status", service="history", status=500)
    venue_accounts.reconcile_all()
    with later(live.sandbox, 400):
        reconcile(live)
    position.refresh_from_db()
    assert position.status == "closed"


def test_a_trade_that_our_books_closed_and_the_venue_still_holds_is_open_again(live: LiveTrader) -> None:
    position = live.opened()
    order = live.close(position)
    fault(live.sandbox, "drop", when="before")
    execution.drain(modes=LIVE)
    order.refresh_from_db()
    outcome = orders.closing_fill(order, order.intent.nonce, D(3000), D(99), {})
    settlement.settle([order], {order.pk: outcome})  # as a wrong word of the venue would have it
    live.sandbox.control.delete("/control/faults")
    venue_accounts.reconcile_all()
    position.refresh_from_db()
    assert position.status == "closed"  # a moment later the venue may only be behind
    with later(live.sandbox, 400):
        reconcile(live)
        position.refresh_from_db()
        assert (position.status, position.collateral_usd) == ("open", D("99.55"))
        assert VenueAlarm.objects.filter(subject=f"position {position.pk}").exists()
        assert settle(live.close(position)).state == "FILLED"
        reconcile(live)


def test_while_an_order_is_under_way_nothing_is_touched(live: LiveTrader) -> None:
    order = live.approve()
    fault(live.sandbox, "slow_execution", seconds=30, count=1)
    look()
    order.refresh_from_db()
    before = LedgerTransaction.objects.count()
    venue_accounts.reconcile_all()
    assert (order.state, LedgerTransaction.objects.count()) == ("ACCEPTED", before)


def test_a_trade_on_the_other_side_stops_the_traders_openings_until_the_books_agree(live: LiveTrader) -> None:
    position = live.opened()
    Position.objects.filter(pk=position.pk).update(side="short")
    venue_accounts.reconcile_all()
    assert VenueAlarm.objects.get(kind="books").subject == f"trader {live.trader.pk}"
    live.types("/long ETH 100 10x")
    assert live.orders[-1].reason == "books_disputed"
    Position.objects.filter(pk=position.pk).update(side="long")
    venue_accounts.reconcile_all()
    assert live.trader.disputed_since is None
    assert not VenueAlarm.objects.filter(kind="books").exists()


def test_a_wallet_that_had_more_than_the_books_knew_can_be_filled_from(live: LiveTrader) -> None:
    order = live.approve()
    live.trader.accounts.filter(mode="LIVE").update(free_balance_usd=D("0.5"))
    settle(order)
    assert order.state == "FILLED"
    assert LedgerTransaction.objects.filter(reference__startswith="shortfall:").exists()


def test_a_live_fill_has_a_shadow_on_paper(live: LiveTrader) -> None:
    position = live.opened()
    settle(live.close(position))
    opened, closed = ShadowFill.objects.order_by("pk")
    assert (opened.mark, opened.price, opened.fee_usd) == (D(3000), D("3000.3"), D("0.45"))
    assert abs(opened.gap_rate) < D("0.01")
    assert closed.payout_usd > 0
    assert "on paper" in story.why(order_chain(opened.fill.order_id))
