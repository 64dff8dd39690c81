"""The books agree with each other, and where they are made not to, it is found, told once, and stops openings."""

import datetime as dt
from decimal import Decimal

import pytest
from django.db import connection

from feeds.models import Market
from risk import trading_state
from risk.trading_state import TradingState
from tests.trading.conftest import SetPrice
from tests.trading.people import Person
from tests.trading.pipeline import approve, close, open_position
from trading import execution, guardian, invariants
from trading.books import INVARIANTS
from trading.models import Intent, InvariantBreach, InvariantLook, Order, PaperExecution, Position
from trading.settlement import settle
from trading.venues.base import Resting
from vanta import clock

pytestmark = pytest.mark.django_db


GUARDED = ("order", "orderevent", "fill", "ledgerentry", "ledgertransaction", "position")


def tamper(statement: str) -> None:
    """Change rows as only the tables' owner can: the triggers look away."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in GUARDED:
            cursor.execute(f"ALTER TABLE trading_{table} DISABLE TRIGGER USER")
        cursor.execute(statement)
        for table in GUARDED:
            cursor.execute(f"ALTER TABLE trading_{table} ENABLE TRIGGER USER")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def a_lived_life(person: Person, price: SetPrice) -> Position:
    """Openings, a part closed, a whole closed, a stop, a denial, a cancellation, an order that rests.

    Answers what is still open.
    """
    stopped = open_position(person, "/long ETH 100 10x sl=2990")
    price("ETH/USD", "2980")
    guardian.close_crossed()
    execution.drain()
    stopped.refresh_from_db()
    assert stopped.status == "closed"
    close(person, open_position(person))
    execution.drain()
    person.drafts("/long ETH 100 10x")
    kept = open_position(person)
    close(person, kept, Decimal("0.25"))
    execution.drain()
    approve(person, "/long ETH 100 10x")
    trading_state.change(TradingState.HALTED, actor="test", reason="cancels what is approved")
    execution.drain()
    trading_state.change(TradingState.ACTIVE, actor="test", reason="on")
    price("ETH/USD", "2980")  # the first one may be too old by now
    leave_resting(person)
    return kept


def leave_resting(person: Person) -> None:
    approved = approve(person, "/long ETH 100 10x")
    Order.objects.filter(pk=approved.pk).update(order_type=Order.Type.LIMIT, limit_price=Decimal(2900))
    (order,) = execution.claim(reductions_only=False)
    settle([order], {order.pk: Resting(clock.now(), order.collateral_usd)})


def broken_codes() -> set[str]:
    return {breach.code for breach in invariants.breaches()}


def test_books_that_were_only_written_by_vanta_break_nothing(ada: Person, eth: Market, price: SetPrice) -> None:
    a_lived_life(ada, price)
    tamper("UPDATE trading_order SET ended_at = ended_at - interval '1 hour'")
    assert invariants.check() == []
    assert trading_state.current() == TradingState.ACTIVE


TAMPERINGS = {
    "ledger_sums_to_zero": "UPDATE trading_ledgerentry SET amount_usd = amount_usd + 1 WHERE account = 'fees'",
    "balance_is_the_ledgers": "UPDATE trading_account SET free_balance_usd = free_balance_usd + 0.000001",
    "collateral_is_the_ledgers": "DELETE FROM trading_ledgerentry WHERE account = 'collateral'",
    "escrow_is_the_ledgers": "UPDATE trading_placement SET escrow_usd = escrow_usd + 1",
    "resting_orders_have_a_place": "DELETE FROM trading_placement",
    "position_is_its_fills": "UPDATE trading_position SET collateral_usd = collateral_usd + 1 WHERE status = 'open'",
    "fill_has_one_filled_order": "DELETE FROM trading_fill WHERE order_id = (SELECT max(order_id) FROM trading_fill)",
    "change_is_one_event": "UPDATE trading_order SET kind = 'stops' WHERE kind = 'close' AND state = 'FILLED'",
    "what_left_has_an_intent": "DELETE FROM trading_attempt; DELETE FROM trading_intent",
    "history_is_whole": "DELETE FROM trading_orderevent WHERE to_state = 'SUBMITTING'",
    "end_is_justified": "UPDATE trading_order SET reason = '' WHERE state = 'CANCELED'",
    "paper_journal_is_booked": "DELETE FROM trading_paperexecution",
}


@pytest.mark.parametrize("code", [invariant.code for invariant in INVARIANTS])
def test_every_invariant_finds_what_it_is_for(code: str, ada: Person, eth: Market, price: SetPrice) -> None:
    a_lived_life(ada, price)
    tamper("UPDATE trading_order SET ended_at = ended_at - interval '1 hour'")
    assert code not in broken_codes()
    tamper(TAMPERINGS[code])
    assert code in broken_codes()


def test_an_execution_that_was_never_booked_is_found(ada: Person, eth: Market) -> None:
    order = approve(ada, "/long ETH 100 10x")
    tamper("UPDATE trading_order SET state = 'EXPIRED', ended_at = now() - interval '1 hour'")
    Intent.objects.create(order=order, nonce=f"paper-{order.pk}", payload={}, deadline=clock.now())
    PaperExecution.objects.create(nonce=f"paper-{order.pk}", result={"price": "3000", "fee_usd": "0"})
    assert "paper_journal_is_booked" in broken_codes()


def test_a_breach_stops_openings_and_is_one_row_while_it_lasts(ada: Person, eth: Market) -> None:
    open_position(ada)
    tamper(TAMPERINGS["balance_is_the_ledgers"])
    first, second = invariants.check(), invariants.check()
    assert [breach.code for breach in first] == [breach.code for breach in second] == ["balance_is_the_ledgers"]
    assert trading_state.current() == TradingState.REDUCING
    assert InvariantBreach.objects.get().ended_at is None


def test_who_resumes_while_a_breach_lasts_is_not_stopped_again(ada: Person, eth: Market) -> None:
    open_position(ada)
    tamper(TAMPERINGS["balance_is_the_ledgers"])
    invariants.check()
    trading_state.change(TradingState.ACTIVE, actor="super admin", reason="seen, and harmless")
    invariants.check()
    assert trading_state.current() == TradingState.ACTIVE


def test_a_breach_ends_when_it_is_mended_and_counts_anew_when_it_comes_back(ada: Person, eth: Market) -> None:
    open_position(ada)
    tamper(TAMPERINGS["balance_is_the_ledgers"])
    invariants.check()
    tamper("UPDATE trading_account SET free_balance_usd = free_balance_usd - 0.000001")
    assert invariants.check() == []
    assert InvariantBreach.objects.get().ended_at is not None
    trading_state.change(TradingState.ACTIVE, actor="super admin", reason="mended")
    tamper(TAMPERINGS["balance_is_the_ledgers"])
    invariants.check()
    assert trading_state.current() == TradingState.REDUCING
    assert InvariantBreach.objects.count() == 2


def clean_look(ago: dt.timedelta) -> None:
    """A clean look at everything, so long ago."""
    assert invariants.check() == []
    InvariantLook.objects.filter(pk=InvariantLook.objects.latest("pk").pk).update(at=clock.now() - ago)


def was_whole() -> bool:
    return InvariantLook.objects.latest("pk").is_whole


LATELY = dt.timedelta(minutes=6)


@pytest.mark.parametrize("code", [invariant.code for invariant in INVARIANTS])
def test_what_was_written_since_a_clean_look_is_looked_at_each_time(
    code: str, ada: Person, eth: Market, price: SetPrice
) -> None:
    clean_look(LATELY)
    a_lived_life(ada, price)
    tamper("UPDATE trading_order SET ended_at = ended_at - interval '1 hour'")
    assert (invariants.check(), was_whole()) == ([], False)
    tamper(TAMPERINGS[code])
    assert code in {breach.code for breach in invariants.check()}
    assert not was_whole()


def test_what_is_older_is_found_within_a_day(ada: Person, eth: Market) -> None:
    open_position(ada)
    clean_look(LATELY)
    tamper(TAMPERINGS["balance_is_the_ledgers"])
    assert (invariants.check(), was_whole()) == ([], False)
    InvariantLook.objects.update(at=clock.now() - dt.timedelta(hours=25))
    assert [breach.code for breach in invariants.check()] == ["balance_is_the_ledgers"]
    assert was_whole()


def test_a_breach_of_an_old_row_does_not_end_by_not_being_looked_at(ada: Person, eth: Market) -> None:
    open_position(ada)
    tamper(TAMPERINGS["balance_is_the_ledgers"])
    invariants.check()
    InvariantLook.objects.update(at=clock.now() - LATELY, is_clean=True)
    assert [breach.code for breach in invariants.check()] == ["balance_is_the_ledgers"]
    assert InvariantBreach.objects.get().ended_at is None


def test_a_look_of_a_moment_ago_is_no_beginning(ada: Person, eth: Market) -> None:
    """What was being written then may have lower numbers than what was seen."""
    clean_look(dt.timedelta(minutes=4))
    invariants.check()
    assert was_whole()
