"""Stopping is one step from anywhere, effective at once, and leaves a record that nobody can edit."""

import pytest
from django.db import DatabaseError, connection, transaction
from pytest_django import DjangoAssertNumQueries

from risk import execution_mode, trading_state
from risk.execution_mode import ExecutionMode
from risk.models import ExecutionModeChange, TradingStateChange
from risk.trading_state import ReasonMissing, TradingState, WouldLoosen
from vanta import audit
from vanta.models import AuditEntry

pytestmark = pytest.mark.django_db


def test_trading_is_active_until_somebody_changes_it() -> None:
    assert trading_state.current() is TradingState.ACTIVE


@pytest.mark.parametrize("state", list(TradingState))
def test_the_last_change_holds_at_once(state: TradingState) -> None:
    trading_state.change(TradingState.HALTED, actor="admin", reason="a test")
    trading_state.change(state, actor="admin", reason="a test")
    assert trading_state.current() is state


def test_a_change_and_its_audit_entry_are_one_transaction() -> None:
    trading_state.change(TradingState.REDUCING, actor="telegram:7", reason="odd prices")
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.reason) == ("telegram:7", "trading_state.change", "odd prices")
    assert (entry.before, entry.after) == ({"state": "active"}, {"state": "reducing"})


def test_a_change_that_is_rolled_back_leaves_neither() -> None:
    with transaction.atomic():
        trading_state.change(TradingState.HALTED, actor="admin", reason="undone")
        transaction.set_rollback(True)
    assert trading_state.current() is TradingState.ACTIVE
    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_a_change_without_a_reason_is_refused(reason: str) -> None:
    with pytest.raises(ReasonMissing):
        trading_state.change(TradingState.HALTED, actor="admin", reason=reason)
    with pytest.raises(ReasonMissing):
        execution_mode.change(ExecutionMode.LIVE, actor="admin", reason=reason)


def test_an_unreadable_state_means_halted() -> None:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE risk_tradingstatechange RENAME TO elsewhere")
        assert trading_state.current() is TradingState.HALTED
        transaction.set_rollback(True)
    assert trading_state.current() is TradingState.ACTIVE


def test_a_state_that_this_version_does_not_know_means_halted() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE risk_tradingstatechange DROP CONSTRAINT trading_state_known")
    TradingStateChange.objects.create(state="someday", actor="admin", reason="from the future")
    assert trading_state.current() is TradingState.HALTED


def test_reading_the_state_is_one_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(1):
        trading_state.current()


def test_the_execution_mode_is_dry_until_somebody_makes_it_live() -> None:
    assert execution_mode.current() is ExecutionMode.DRY
    execution_mode.change(ExecutionMode.LIVE, actor="super admin", reason="canary went well")
    assert execution_mode.current() is ExecutionMode.LIVE
    entry = AuditEntry.objects.get()
    assert (entry.before, entry.after) == ({"mode": "DRY"}, {"mode": "LIVE"})
    assert audit.verify().intact


@pytest.mark.parametrize("table", ["risk_tradingstatechange", "risk_executionmodechange"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET reason = 'x'", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_database_refuses_to_change_the_history(table: str, statement: str) -> None:
    TradingStateChange.objects.create(state=TradingState.HALTED, actor="admin", reason="a test")
    ExecutionModeChange.objects.create(mode=ExecutionMode.LIVE, actor="admin", reason="a test")
    with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
        cursor.execute(statement.format(table))


@pytest.mark.parametrize("column", ["actor", "reason"])
def test_the_database_refuses_a_change_without_actor_or_reason(column: str) -> None:
    values = {"state": TradingState.HALTED, "actor": "admin", "reason": "a test", column: ""}
    with pytest.raises(DatabaseError, match="trading_state_has_actor_and_reason"):
        TradingStateChange.objects.create(**values)


@pytest.mark.parametrize(
    ("held", "wanted"), [(TradingState.HALTED, TradingState.REDUCING), (TradingState.REDUCING, TradingState.ACTIVE)]
)
def test_who_may_only_stop_lets_nothing_more_through(held: TradingState, wanted: TradingState) -> None:
    trading_state.change(held, actor="one", reason="a test")
    with pytest.raises(WouldLoosen):
        trading_state.change(wanted, actor="another", reason="at the same moment", only_stricter=True)
    assert trading_state.current() is held
    trading_state.change(held, actor="another", reason="again", only_stricter=True)


def test_only_winding_down_can_be_maintenance() -> None:
    with pytest.raises(DatabaseError, match="maintenance_reduces"):
        trading_state.change(TradingState.HALTED, actor="admin", reason="a test", is_maintenance=True)
