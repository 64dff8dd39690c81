"""An UNKNOWN order is ended by hand on evidence alone, booked as ever, and recorded; everything else is refused."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from risk import trading_state
from risk.trading_state import TradingState
from tests.trading.live.world import LIVE, LiveTrader, assert_agrees, fault, later, look
from tests.trading.pipeline import assert_books_balance
from tests.waiting import wait_until
from trading import execution
from trading.management.commands.end_order import WORDS
from trading.models import Order, OrderEvent, OutboxMessage, Position, VenueAlarm
from vanta.models import AuditEntry

pytestmark = pytest.mark.django_db
OVER = 90  # seconds, beyond deadline and margin
NO_NONCE: dict[str, Any] = {"service": "tx-builder", "kind": "tamper", "set": {"data.used": "nobody knows"}}


def end(order: Order, what: str, *, yes: bool = True, **terms: Any) -> str:
    said: dict[str, Any] = {"evidence": "seen in the explorer", "reason": "a trader waits", "yes": yes, **terms}
    try:
        call_command("end_order", order.pk, what=what, **said)
    except CommandError as error:
        return next((code for code, words in WORDS.items() if words == str(error)), str(error))
    order.refresh_from_db()
    return order.state


@contextlib.contextmanager
def unknown(live: LiveTrader, order: Order, *, executed: bool) -> Iterator[Order]:
    """An order whose end nobody tells: neither events, nor the nonce; long after its deadline."""
    fault(live.sandbox, "lost_accept" if executed else "drop", when="before")
    done = len(live.effects)
    execution.drain(modes=LIVE)
    trading_state.change(TradingState.HALTED, actor="test", reason="no second submission")
    if executed:
        wait_until(lambda: len(live.effects) > done, 10, "the venue has executed it")
    fault(live.sandbox, **NO_NONCE)
    with later(live.sandbox, OVER):
        look()
        order.refresh_from_db()
        assert order.state == "UNKNOWN"
        yield order


def test_what_is_known_is_printed_and_nothing_is_changed_without_yes(
    live: LiveTrader, capsys: pytest.CaptureFixture[str]
) -> None:
    with unknown(live, live.approve(), executed=True) as order:
        assert end(order, "filled", yes=False, history="1").startswith("Nothing was changed")
        said = capsys.readouterr().out
        assert f"Order #{order.pk}" in said
        assert "nobody can say (unreadable)" in said
        assert "THIS ORDER'S NONCE" in said
        assert "trade 0:" in said
        assert (order.state, AuditEntry.objects.filter(action="order.end").exists()) == ("UNKNOWN", False)


def test_only_an_unknown_live_order_past_its_deadline_can_be_ended(live: LiveTrader) -> None:
    order = live.approve()
    assert end(Order(pk=order.pk + 1), "never-executed") == "no_such_order"
    assert end(order, "never-executed") == "not_unknown"
    fault(live.sandbox, "drop", when="before")
    look()
    assert end(order, "never-executed", override=True) == "not_over"
    Order.objects.filter(pk=order.pk).update(mode="DRY")
    assert end(order, "never-executed", override=True) == "not_live"


def test_never_executed_needs_a_block_or_an_override(live: LiveTrader) -> None:
    with unknown(live, live.approve(), executed=False) as order:
        assert end(order, "never-executed", override=True, evidence=" ") == "no_evidence"
        assert end(order, "never-executed") == "no_block_proves_it"
        VenueAlarm.objects.create(kind="unknown_order", subject=f"order {order.pk}")
        assert end(order, "never-executed", override=True) == "EXPIRED"
        assert_agrees(live, order)
        assert not VenueAlarm.objects.exists()
        assert OutboxMessage.objects.filter(order=order, method="order_card").count() >= 1
        assert OrderEvent.objects.filter(order=order).latest("sequence").detail["evidence"] == "seen in the explorer"
        entry = AuditEntry.objects.get(action="order.end")
        assert entry.after is not None
        assert (entry.subject, entry.reason, entry.after["is_override"]) == (
            f"order:{order.pk}",
            "a trader waits",
            True,
        )


def test_a_used_nonce_was_not_never_executed(live: LiveTrader) -> None:
    with unknown(live, live.approve(), executed=True) as order:
        live.sandbox.control.delete("/control/faults")
        assert end(order, "never-executed") == "nonce_used"
        assert order.state == "UNKNOWN"


def test_an_unused_nonce_was_not_filled(live: LiveTrader) -> None:
    with unknown(live, live.approve(), executed=False) as order:
        live.sandbox.control.delete("/control/faults")
        assert end(order, "filled", trade="0:1") == "nonce_unused"
        assert end(order, "never-executed") == "EXPIRED"


@pytest.mark.parametrize("source", ["history", "trade"])
def test_an_opening_is_booked_from_the_row_or_the_trade_that_is_named(live: LiveTrader, source: str) -> None:
    with unknown(live, live.approve(), executed=True) as order:
        (effect,) = live.effects
        named = {"history": effect["transactionHash"], "trade": f"{effect['index']}:{effect['openedAt']}"}
        assert end(order, "filled") == "one_source"
        assert end(order, "filled", history="4711") == "no_such_row"
        assert end(order, "filled", trade="7:7") == "no_such_trade"
        assert end(order, "filled", price="3000", payout="1") == "typed_closings_only"
        assert end(order, "filled", history=named["history"], trade=named["trade"]) == "one_source"
        assert end(order, "filled", **{source: named[source]}) == "FILLED"
        assert_agrees(live, order)
        assert AuditEntry.objects.get(action="order.end").after[source]  # type: ignore[index]
        assert end(order, "filled", **{source: named[source]}) == "not_unknown"


def test_a_trade_or_a_row_of_another_order_is_refused(live: LiveTrader) -> None:
    other = live.opened()
    first = live.effects[0]
    with unknown(live, live.approve(), executed=True) as order:
        name = f"{other.venue_index}:{other.venue_opened_at_s}"
        assert end(order, "filled", trade=name) == "trade_is_booked"
        assert end(order, "filled", history=first["transactionHash"]) == "another_row"
        assert Position.objects.count() == 1


def test_a_closing_is_booked_from_the_history(live: LiveTrader) -> None:
    position = live.opened()
    with unknown(live, live.close(position), executed=True) as order:
        assert end(order, "filled", trade="0:1") == "trades_are_openings"
        assert end(order, "filled", history=str(live.effects[-1]["orderId"])) == "FILLED"
        position.refresh_from_db()
        assert position.status == "closed"
        assert live.booked == live.balance
        assert_books_balance()


def test_what_a_closing_paid_can_be_typed_and_is_recorded_as_such(live: LiveTrader) -> None:
    position = live.opened()
    with unknown(live, live.close(position), executed=True) as order:
        assert end(order, "filled", price="-1", payout="99") == "no_amount"
        assert end(order, "filled", price="3000", payout="98.5") == "FILLED"
        detail = OrderEvent.objects.filter(order=order).latest("sequence").detail
        assert (detail["source"], detail["ended_by"]) == ("typed", "hand")
        entry = AuditEntry.objects.get(action="order.end")
        assert entry.after is not None
        assert (entry.after["price"], entry.after["payout_usd"]) == ("3000", "98.5")
        assert_books_balance()
