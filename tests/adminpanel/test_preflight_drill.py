"""The drill halts for real, is in nobody's books, and lets no more through afterwards than before."""

from collections.abc import Callable

import pytest
from pytest_django import Settings

from adminpanel.preflight import drill
from feeds.models import Market
from risk import check_in, drills, execution_mode, trading_state
from risk.execution_mode import ExecutionMode
from risk.models import TradingStateChange
from risk.trading_state import TradingState
from tests.factories import make_order, make_trader
from trading.models import Account, DayOpening, LedgerTransaction, Order, OrderEvent, OutboxMessage, Trader
from vanta import redis
from vanta.models import AuditEntry

pytestmark = pytest.mark.django_db
BOOKS = (Trader, Account, Order, OrderEvent, LedgerTransaction, DayOpening, OutboxMessage)


def set_state(state: TradingState, *, is_maintenance: bool = False) -> None:
    trading_state.change(state, actor="ada", reason="a test", is_maintenance=is_maintenance)


def changes() -> list[str]:
    return list(TradingStateChange.objects.order_by("id").values_list("state", flat=True))


def test_it_halts_sees_an_opening_denied_and_goes_back_to_active(eth: Market) -> None:
    finding = drill.emergency_stop()

    assert finding.colour == "green"
    assert changes() == ["halted", "active"]
    assert trading_state.current() is TradingState.ACTIVE
    assert [entry.action for entry in AuditEntry.objects.all()] == ["trading_state.change"] * 2


def test_it_leaves_no_trace_in_any_book(eth: Market) -> None:
    drill.emergency_stop()

    assert {model.__name__: model._default_manager.count() for model in BOOKS} == dict.fromkeys(
        (model.__name__ for model in BOOKS), 0
    )
    assert [key for key in redis.client().scan_iter("*") if "limit" in str(key)] == []


@pytest.mark.parametrize("state", [TradingState.REDUCING, TradingState.HALTED])
def test_it_leaves_a_stopped_system_alone_and_forced_it_never_loosens(eth: Market, state: TradingState) -> None:
    set_state(state)
    assert drill.emergency_stop().colour == "amber"
    assert changes() == [state.value]

    finding = drill.emergency_stop(is_forced=True)

    assert finding.colour == "green"
    assert trading_state.current() is state


def test_maintenance_goes_on_afterwards_and_nobody_is_told(eth: Market) -> None:
    set_state(TradingState.REDUCING, is_maintenance=True)

    drill.emergency_stop(is_forced=True)

    last = trading_state.last()
    assert last is not None
    assert (last.state, last.is_maintenance) == ("reducing", True)
    assert not OutboxMessage.objects.exists()


@pytest.mark.parametrize("state", [TradingState.HALTED, TradingState.REDUCING])
def test_whoever_stops_while_it_runs_keeps_their_stop(
    eth: Market, monkeypatch: pytest.MonkeyPatch, state: TradingState
) -> None:
    decide = drill._denied_order

    def somebody_stops(quoted: drill.Quoted) -> Order | None:
        order = decide(quoted)
        set_state(state)
        return order

    monkeypatch.setattr(drill, "_denied_order", somebody_stops)
    finding = drill.emergency_stop()

    assert finding.colour == "amber"
    assert changes() == ["halted", state.value]


def test_a_stop_that_holds_before_the_drills_own_is_what_it_goes_back_to() -> None:
    set_state(TradingState.REDUCING)
    begun = drills.begin(actor="test", reason="drill")

    ended = drills.end(begun, actor="test", reason="end of it")

    assert ended is not None
    assert trading_state.current() is TradingState.REDUCING
    assert drills.end(begun, actor="test", reason="again") is None


def test_looser_limits_that_came_meanwhile_leave_it_reducing(settings: Settings) -> None:
    check_in.check_in()
    begun = drills.begin(actor="test", reason="drill")
    settings.OPENS_PER_MINUTE = 50
    check_in.check_in()

    drills.end(begun, actor="test", reason="end of it")

    assert trading_state.current() is TradingState.REDUCING


def live_trader() -> None:
    execution_mode.change(ExecutionMode.LIVE, actor="ada", reason="a test")
    make_trader(execution_mode="LIVE")


@pytest.mark.parametrize(
    ("make", "saw"),
    [
        (live_trader, "1 traders trade with real money"),
        (lambda: make_order(state="RESTING"), "1 openings wait"),
        (lambda: make_order(state="APPROVED"), "1 openings wait"),
    ],
)
def test_it_disturbs_nobody_unless_it_is_forced(eth: Market, make: Callable[[], object], saw: str) -> None:
    make()

    finding = drill.emergency_stop()

    assert finding.colour == "amber"
    assert saw in finding.saw
    assert changes() == []
    assert drill.emergency_stop(is_forced=True).colour == "green"


def test_an_opening_that_passes_a_halt_is_red_and_the_halt_ends(eth: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trading_state, "current", lambda: TradingState.ACTIVE)  # as if nobody read it

    assert drill.emergency_stop().colour == "red"
    assert changes() == ["halted", "active"]


def test_it_ends_its_halt_also_when_the_order_breaks(eth: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: drill.Quoted) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(drill, "_denied_order", broken)
    with pytest.raises(RuntimeError):
        drill.emergency_stop()

    assert changes() == ["halted", "active"]


def test_without_a_price_there_is_nothing_to_drill_with() -> None:
    assert drill.emergency_stop().colour == "amber"
    assert changes() == []
