"""The launch goes on wherever it was left, switches nothing itself, and stops openings where orders go wrong."""

import json
import sys
from collections.abc import Callable
from decimal import Decimal
from io import StringIO
from types import SimpleNamespace

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from adminpanel.preflight import launch, surroundings, watch
from adminpanel.preflight.findings import green, red
from adminpanel.preflight.launch import Step, standing
from risk import canary_cap, execution_mode, trading_state
from risk.execution_mode import ExecutionMode
from risk.trading_state import TradingState
from tests.adminpanel.desk import checked
from tests.factories import make_order, make_position
from trading import invariants
from trading.models import Fill, InvariantBreach, Order, ShadowFill, VenueAlarm
from vanta import clock
from vanta.models import AuditEntry

pytestmark = pytest.mark.django_db
WANTED = 2


@pytest.fixture
def healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings, "health_endpoints", lambda: green("All is well."))


def go(mode: ExecutionMode) -> None:
    execution_mode.change(mode, actor="admin:ada", reason="a test")


def paper_fill() -> None:
    make_order(state="FILLED", ended_at=clock.now())


def live_order(state: str, *, gap: str = "") -> Order:
    order = make_order(mode="LIVE", state=state, decided_at=clock.now())
    if gap:
        position = make_position(trader=order.trader, mode="LIVE")
        size = {"price": Decimal(3000), "collateral_usd": Decimal(100), "notional_usd": Decimal(1000)}
        fill = Fill.objects.create(order=order, position=position, venue_fill_id=f"venue-{order.pk}", **size)
        ShadowFill.objects.create(fill=fill, mark=Decimal(3000), price=Decimal(3000), gap_rate=Decimal(gap))
    return order


def test_the_steps_come_one_after_the_other(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    settings.PUBLIC_BASE_URL = "https://vanta.example/"
    assert standing(WANTED).step is Step.DRY
    paper_fill()
    monkeypatch.setattr(surroundings, "health_endpoints", lambda: red("Away.", "Start it."))
    assert standing(WANTED).step is Step.HEALTH
    monkeypatch.setattr(surroundings, "health_endpoints", lambda: green("Fine."))
    assert standing(WANTED).step is Step.PREFLIGHT
    checked()

    at = standing(WANTED)
    assert at.step is Step.SWITCH
    assert "https://vanta.example/admin/" in at.do
    go(ExecutionMode.LIVE)
    assert standing(WANTED).step is Step.WATCH
    go(ExecutionMode.DRY)
    assert standing(WANTED).step is Step.SWITCH  # somebody has thought better of it


@pytest.mark.usefixtures("healthy")
@pytest.mark.parametrize(("colour", "drill"), [("red", "green"), ("amber", "amber")])
def test_a_preflight_with_red_or_without_its_drill_is_not_enough(colour: str, drill: str) -> None:
    paper_fill()
    checked(colour, drill=drill)
    assert standing(WANTED).step is Step.PREFLIGHT

    checked("amber")
    assert standing(WANTED).step is Step.SWITCH


@pytest.mark.parametrize("cap", [0, 100_001, None])
def test_a_canary_cap_that_caps_nothing_keeps_it(cap: int | None) -> None:
    go(ExecutionMode.LIVE)
    canary_cap.change(None if cap is None else Decimal(cap), actor="ada", reason="a test")

    assert standing(WANTED).step is Step.CANARY


def break_a_book() -> None:
    InvariantBreach.objects.create(code="ledger_sums_to_zero", subject="fill:1", detail="sums to 1")


@pytest.mark.parametrize(
    ("go_wrong", "saw"),
    [(lambda: live_order("UNKNOWN"), "is UNKNOWN"), (break_a_book, "ledger_sums_to_zero")],
    ids=["unknown", "books"],
)
def test_what_goes_wrong_stops_openings_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, go_wrong: Callable[[], object], saw: str
) -> None:
    go(ExecutionMode.LIVE)
    go_wrong()

    assert once() == 1
    assert trading_state.current() is TradingState.ACTIVE  # only looked
    with pytest.raises(CommandError, match="Openings are stopped"):
        walk(monkeypatch)

    last = trading_state.last()
    assert last is not None
    assert last.state == "reducing"
    assert saw in last.reason


def test_a_halt_is_not_loosened_by_the_launch() -> None:
    trading_state.change(TradingState.HALTED, actor="ada", reason="a test")

    assert launch.stop_openings("order 1 is UNKNOWN", actor="golive:ada") is False
    assert trading_state.current() is TradingState.HALTED


def test_the_first_orders_are_watched_to_their_end_and_written_down(monkeypatch: pytest.MonkeyPatch) -> None:
    live_order("FILLED")  # before the switch
    go(ExecutionMode.LIVE)
    live_order("FILLED", gap="0.0003")
    assert "1 of the first 2" in standing(WANTED).saw
    live_order("SUBMITTING")
    assert "1 of the first 2" in standing(WANTED).saw
    Order.objects.filter(state="SUBMITTING").update(state="FILLED")
    monkeypatch.setattr(invariants, "breaches", list)  # the rows above are no whole books

    told = walk(monkeypatch)

    assert "FILLED, 0.030 % worse than paper" in told
    entry = AuditEntry.objects.get(action=watch.WATCHED)
    assert [each["state"] for each in (entry.after or {})["orders"]] == ["FILLED", "FILLED"]
    assert standing(WANTED).step is Step.DONE
    assert "done" in told


def test_the_books_are_asked_once_more_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    go(ExecutionMode.LIVE)
    live_order("FILLED", gap="0"), live_order("FILLED")

    with pytest.raises(CommandError, match="an invariant is broken"):
        walk(monkeypatch)

    assert trading_state.current() is TradingState.REDUCING
    assert not AuditEntry.objects.filter(action=watch.WATCHED).exists()


def test_a_dispute_keeps_the_watch_going() -> None:
    go(ExecutionMode.LIVE)
    live_order("FILLED"), live_order("FILLED")
    VenueAlarm.objects.create(kind="books", subject="trader 1")

    at = standing(WANTED)

    assert (at.step, at.is_trouble) == (Step.WATCH, False)
    assert "1 venue alarms" in at.saw


def test_programs_get_the_next_step_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("golive", "--json")

    told = json.loads(capsys.readouterr().out)
    assert told["step"] == "dry"
    assert told["do"]


def once() -> int:
    try:
        call_command("golive", "--once", stdout=StringIO())
    except SystemExit as end:
        return int(str(end.code))
    return 0


def walk(monkeypatch: pytest.MonkeyPatch) -> str:
    """As somebody at a terminal."""
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    out = StringIO()
    call_command("golive", "--orders", str(WANTED), stdout=out)
    return out.getvalue()
