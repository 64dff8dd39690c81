"""A limit loosened in the environment starts the system winding down, until a super admin acknowledges it."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from pytest_django import Settings

from risk import check_in, environment_limits, trading_state
from risk.check_in import NothingToAcknowledge
from risk.models import EnvironmentLimits, TradingStateChange
from risk.trading_state import LimitsLoosened, ReasonMissing, TradingState
from tests.waiting import wait_until
from vanta import audit
from vanta.models import AuditEntry

pytestmark = pytest.mark.django_db
ACTIVE, REDUCING, HALTED = TradingState
WHO: dict[str, Any] = {"actor": "admin:ada", "reason": "a test"}


@pytest.fixture
def started() -> None:
    """Vanta has been started with the settings as they are."""
    assert check_in.check_in() is not None


def kinds() -> list[str]:
    return list(EnvironmentLimits.objects.order_by("pk").values_list("kind", flat=True))


def test_the_first_start_ever_takes_the_limits_as_they_are(settings: Settings) -> None:
    settings.MAX_LEVERAGE = Decimal(1000)
    check_in.check_in()
    assert (kinds(), trading_state.current()) == (["baseline"], ACTIVE)
    assert (AuditEntry.objects.get().after or {})["max_leverage"] == "1000"


def test_a_start_with_the_same_limits_is_no_news(started: None, settings: Settings) -> None:
    settings.MAX_ACCOUNT_RISK_PCT = Decimal("0.1000")
    assert check_in.check_in() is None
    assert kinds() == ["baseline"]


def test_looser_limits_stop_openings_and_are_named(started: None, settings: Settings) -> None:
    settings.MAX_LEVERAGE, settings.LIQUIDATION_BUFFER_PCT = Decimal(600), Decimal("0.01")
    check_in.check_in()
    change = TradingStateChange.objects.get()
    assert (trading_state.current(), change.state, change.actor) == (REDUCING, "reducing", "environment")
    assert change.reason.endswith(": MAX_LEVERAGE 500 → 600, LIQUIDATION_BUFFER_PCT 0.05 → 0.01")
    entry = AuditEntry.objects.latest("seq")
    changed = (
        {"max_leverage": "500", "liquidation_buffer_pct": "0.05"},
        {"max_leverage": "600", "liquidation_buffer_pct": "0.01"},
    )
    assert (entry.action, entry.before, entry.after) == ("environment_limits.looser", *changed)
    assert audit.verify().intact


def test_a_restart_with_them_says_it_once(started: None, settings: Settings) -> None:
    settings.MAX_LEVERAGE = Decimal(600)
    check_in.check_in()
    assert check_in.check_in() is None
    assert (kinds(), TradingStateChange.objects.count()) == (["baseline", "looser"], 1)


def test_a_process_with_looser_limits_opens_nothing_before_it_has_told_anybody(
    started: None, settings: Settings
) -> None:
    settings.MAX_LEVERAGE = Decimal(501)
    assert trading_state.current() is REDUCING
    assert not TradingStateChange.objects.exists()
    settings.MAX_LEVERAGE = Decimal(500)
    assert trading_state.current() is ACTIVE


def test_tighter_limits_hold_from_then_on(started: None, settings: Settings) -> None:
    settings.MAX_LEVERAGE = Decimal(100)
    check_in.check_in()
    assert (kinds(), trading_state.current()) == (["baseline", "tighter"], ACTIVE)
    settings.MAX_LEVERAGE = Decimal(500)  # a process that still runs on what it was started with
    assert trading_state.current() is REDUCING


def test_trading_is_not_resumed_while_they_wait(started: None, settings: Settings) -> None:
    settings.OPENS_PER_MINUTE = 50
    check_in.check_in()
    with pytest.raises(LimitsLoosened):
        trading_state.change(ACTIVE, **WHO)
    trading_state.change(HALTED, **WHO)
    trading_state.change(REDUCING, **WHO)


def test_acknowledged_limits_hold_and_trading_is_resumed_by_itself_never(started: None, settings: Settings) -> None:
    settings.OPENS_PER_MINUTE = 50
    row = check_in.check_in()
    assert row is not None
    check_in.acknowledge(row.pk, **WHO)
    assert trading_state.current() is REDUCING
    trading_state.change(ACTIVE, **WHO)
    assert trading_state.current() is ACTIVE
    entry = AuditEntry.objects.get(action="environment_limits.acknowledged")
    assert (entry.actor, entry.before, entry.after) == (
        "admin:ada",
        {"opens_per_minute": "5"},
        {"opens_per_minute": "50"},
    )
    assert check_in.check_in() is None


def test_what_was_not_looked_at_is_not_acknowledged(started: None, settings: Settings) -> None:
    settings.OPENS_PER_MINUTE = 50
    seen = check_in.check_in()
    settings.OPENS_PER_MINUTE = 500
    check_in.check_in()
    assert seen is not None
    with pytest.raises(NothingToAcknowledge):
        check_in.acknowledge(seen.pk, **WHO)
    with pytest.raises(ReasonMissing):
        check_in.acknowledge(seen.pk, actor="admin:ada", reason=" ")


def test_going_back_to_what_was_acknowledged_needs_nobody(started: None, settings: Settings) -> None:
    settings.OPENS_PER_MINUTE = 50
    check_in.check_in()
    settings.OPENS_PER_MINUTE = 5
    check_in.check_in()
    assert environment_limits.unacknowledged() is None
    trading_state.change(ACTIVE, **WHO)
    assert (kinds(), trading_state.current()) == (["baseline", "looser", "tighter"], ACTIVE)


@pytest.mark.parametrize(("state", "is_maintenance"), [(HALTED, False), (REDUCING, True)])
def test_a_stop_that_holds_stays_what_it_is(
    started: None, settings: Settings, state: TradingState, is_maintenance: bool
) -> None:
    trading_state.change(state, is_maintenance=is_maintenance, **WHO)
    settings.OPENS_PER_MINUTE = 50
    check_in.check_in()
    held = trading_state.last()
    assert held is not None
    assert (held.state, held.is_maintenance) == (state, is_maintenance)


@pytest.mark.django_db(transaction=True)
def test_a_process_starts_also_where_its_limits_cannot_be_recorded() -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE risk_environmentlimits RENAME TO elsewhere")
    try:
        check_in.check_in_at_start()
        assert trading_state.current() is HALTED
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE elsewhere RENAME TO risk_environmentlimits")
    assert trading_state.current() is ACTIVE


@pytest.mark.parametrize("statement", ["UPDATE {} SET reason = 'x'", "DELETE FROM {}", "TRUNCATE {}"])
@pytest.mark.parametrize("table", ["risk_environmentlimits", "risk_canarycapchange"])
def test_the_database_refuses_to_change_the_history(started: None, table: str, statement: str) -> None:
    from_cap = "INSERT INTO risk_canarycapchange (actor, reason, created_at) VALUES ('a', 'b', now())"
    with connection.cursor() as cursor:
        cursor.execute(from_cap)
    with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
        cursor.execute(statement.format(table))


@pytest.mark.django_db(transaction=True)
def test_several_that_start_at_once_make_one_change(settings: Settings) -> None:
    check_in.check_in()
    settings.MAX_LEVERAGE = Decimal(600)
    with ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            pool.submit(check_in.check_in_at_start)
    assert (kinds(), TradingStateChange.objects.count()) == (["baseline", "looser"], 1)
    assert audit.verify().intact


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("state", [HALTED, REDUCING])
def test_who_resumes_at_the_same_moment_is_refused_too(settings: Settings, state: TradingState) -> None:
    check_in.check_in()
    trading_state.change(state, **WHO)
    settings.MAX_LEVERAGE = Decimal(600)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            check_in.check_in()
            resumed = pool.submit(resume)
            wait_until(lambda: resumed.done() or waits_for_a_lock(), 10, "the resuming waits for the check-in")
        assert isinstance(resumed.exception(), LimitsLoosened)
    assert trading_state.current() is state


def resume() -> None:
    try:
        trading_state.change(ACTIVE, **WHO)
    finally:
        connection.close()


def waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        return cursor.fetchone() is not None
