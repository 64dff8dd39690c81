"""Controls: starting takes a form with a reason and a fresh code, and says what speaks against it."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import Settings

from adminpanel.groups import Role
from adminpanel.models import PreflightRun
from adminpanel.navigation import CONTROLS_PAGE
from risk import canary_cap, check_in, environment_limits, execution_mode, trading_state
from risk.execution_mode import ExecutionMode
from risk.trading_state import TradingState
from tests.access import code_for, enrolled, make_user
from tests.adminpanel.desk import TOLD, Desk, checked, last_entry, news, words
from trading.models import InvariantBreach, VenueAlarm
from trading.services import stopping
from vanta import clock

pytestmark = pytest.mark.django_db
ACTIVE, REDUCING, HALTED = TradingState


@pytest.fixture
def ada(db: None, settings: Settings) -> Desk:
    settings.SUPER_ADMIN_IDS = [TOLD]
    return Desk(make_user("ada", Role.SUPER_ADMIN))


@pytest.fixture(autouse=True)
def _checked(db: None) -> None:
    checked()


@pytest.fixture
def clerk(db: None) -> Desk:
    return Desk(make_user("clerk", Role.ADMIN))


# What every form asks for


@pytest.fixture
def waiting(ada: Desk, settings: Settings) -> int:
    """Trading is stopped, and looser limits wait; nothing is LIVE."""
    check_in.check_in()
    settings.OPENS_PER_MINUTE = 50
    row = check_in.check_in()
    assert row is not None
    settings.OPENS_PER_MINUTE = 5
    return row.pk


def values_of(name: str, number: int) -> dict[str, Any]:
    held = trading_state.last()
    by_name: dict[str, dict[str, Any]] = {
        "resume": {"to": "active", "seen": held.pk if held else 0},
        "live": {},
        "canary": {"is_lifted": "on"},
        "limits": {"number": number},
    }
    return by_name[name]


def nothing_started() -> bool:
    is_dry = execution_mode.current() is ExecutionMode.DRY and canary_cap.last() is None
    return is_dry and trading_state.current() is REDUCING


@pytest.fixture
def stopped(ada: Desk) -> None:
    stopping.stop(REDUCING, actor="test", reason="drill")


EVERY_FORM = pytest.mark.parametrize("name", ["resume", "live", "canary", "limits"])
NEEDS = [
    ({"code": "000 000"}, "That is not the code"),
    ({"code": ""}, "This needs a code"),
    ({"reason": " "}, "This field is required"),
]


@EVERY_FORM
def test_every_start_needs_a_reason_and_a_fresh_code(ada: Desk, waiting: int, name: str) -> None:
    if name in ("resume", "live"):  # looser limits alone would refuse them
        check_in.acknowledge(waiting, actor="test", reason="a test")
    values = values_of(name, waiting)
    for wrong, told in NEEDS:
        assert told in ada.start(name, **values, **wrong)
    assert nothing_started()
    assert environment_limits.unacknowledged() is not None or name in ("resume", "live")


@EVERY_FORM
def test_an_admin_starts_nothing(clerk: Desk, waiting: int, name: str) -> None:
    if name == "canary":  # which they may tighten
        assert "Only a super admin may do this" in clerk.start(name, **values_of(name, waiting))
    else:
        assert clerk.client.post(f"{CONTROLS_PAGE}{name}/", {}).status_code == 403
        assert f'id="{name}"' not in clerk.page()
    assert nothing_started()


@EVERY_FORM
def test_where_two_have_to_agree_one_is_not_enough(ada: Desk, waiting: int, name: str, settings: Settings) -> None:
    if name in ("resume", "live"):
        check_in.acknowledge(waiting, actor="test", reason="a test")
    settings.REQUIRE_SECOND_APPROVER = True
    values = values_of(name, waiting)
    assert "another super admin" in ada.start(name, **values)
    assert nothing_started()
    grace = make_user("grace", Role.SUPER_ADMIN)
    ada.start(name, **values, approver="grace", approver_code=code_for(grace))
    assert last_entry()[0] == "admin:ada"
    assert last_entry()[2] == "all is well (approved by admin:grace)"


def test_a_code_starts_one_thing(ada: Desk, stopped: None) -> None:
    code = code_for(ada.user)
    posted = {"resume-reason": "go", "resume-code": code, "resume-to": "active", "resume-seen": trading_state.last().pk}  # type: ignore[union-attr]
    ada.client.post(f"{CONTROLS_PAGE}resume/", posted)
    assert trading_state.current() is ACTIVE
    told = words(ada.client.post(f"{CONTROLS_PAGE}live/", {"live-reason": "go", "live-code": code}))
    assert "This code was used already" in told
    assert execution_mode.current() is ExecutionMode.DRY


# Resuming


def test_trading_is_resumed_with_its_commit(ada: Desk, stopped: None) -> None:
    assert "Trading goes on." in ada.resume()
    assert trading_state.current() is ACTIVE
    assert last_entry() == ("admin:ada", "trading_state.change", "all is well")
    assert news() == [], "the alert of the stop tells that it is over"


def test_a_halt_is_loosened_to_winding_down_first_where_that_is_wanted(ada: Desk) -> None:
    ada.stop(to="halted")
    ada.resume(REDUCING)
    assert trading_state.current() is REDUCING
    assert "Select a valid choice" in ada.resume(REDUCING)


def test_a_halt_that_came_while_the_form_was_open_is_not_undone(ada: Desk, stopped: None) -> None:
    seen = trading_state.last()
    assert seen is not None
    trading_state.change(HALTED, actor="telegram:7", reason="odd prices")
    assert "Somebody has changed the state since" in ada.resume(seen=seen.pk)
    assert trading_state.current() is HALTED


def test_trading_is_not_resumed_while_looser_limits_wait(ada: Desk, waiting: int) -> None:
    assert "Acknowledge them first" in ada.resume()
    assert nothing_started()


def test_looser_limits_are_shown_acknowledged_and_then_trading_is_resumed(ada: Desk, waiting: int) -> None:
    assert "OPENS_PER_MINUTE 5 → 50" in ada.page()
    assert "The looser limits hold" in ada.start("limits", number=waiting)
    assert environment_limits.unacknowledged() is None
    assert last_entry() == ("admin:ada", "environment_limits.acknowledged", "all is well")
    ada.resume()
    assert trading_state.current() is ACTIVE
    assert "wait no more" in ada.start("limits", number=waiting)


# LIVE and its cap


def test_live_is_switched_on_with_its_commit_and_the_admins_are_told(ada: Desk) -> None:
    assert "The system is LIVE." in ada.start("live")
    assert execution_mode.current() is ExecutionMode.LIVE
    assert last_entry() == ("admin:ada", "execution_mode.change", "all is well")
    assert "<b>LIVE.</b>" in news()[0]
    assert "LIVE already" in ada.start("live")


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (lambda: trading_state.change(HALTED, actor="test", reason="drill"), "Trading is halted"),
        (
            lambda: InvariantBreach.objects.create(code="ledger_sums_to_zero", subject="fill:1", detail="1"),
            "invariant: ledger_sums_to_zero (1)",
        ),
        (
            lambda: VenueAlarm.objects.create(kind="books", subject="trader 1"),
            "the venue&#x27;s books differ from ours",
        ),
        (lambda: PreflightRun.objects.all().delete(), "Preflight was never run whole"),
        (lambda: checked("red"), "Preflight is red on clock: It is red."),
        (lambda: PreflightRun.objects.update(at=clock.now() - dt.timedelta(minutes=61)), "older than an hour"),
    ],
)
def test_live_is_refused_while_something_speaks_against_it_and_costs_no_code(ada: Desk, broken: Any, told: str) -> None:
    broken()
    assert told in ada.page()
    code = code_for(ada.user)
    assert told in words(ada.client.post(f"{CONTROLS_PAGE}live/", {"live-reason": "go", "live-code": code}))
    assert enrolled(ada.user).last_t == -1
    assert execution_mode.current() is ExecutionMode.DRY


def test_the_cap_is_the_setting_until_it_is_set_or_lifted(ada: Desk, settings: Settings) -> None:
    settings.CANARY_MAX_NOTIONAL_USD = Decimal(500)
    assert "at most 500.00" in ada.page()
    assert "The cap holds" in ada.start("canary", amount="2000")
    assert canary_cap.current() == 2000
    ada.start("canary", is_lifted="on")
    assert canary_cap.current() is None
    assert last_entry() == ("admin:ada", "canary_cap.change", "all is well")
    assert "no cap" in ada.page()
    assert "no cap" in news()[1]


def test_an_admin_lowers_the_cap_with_a_reason_and_no_code(clerk: Desk) -> None:
    assert "The cap holds" in clerk.start("canary", amount="100", code="")
    assert canary_cap.current() == 100
    assert "Only a super admin" in clerk.start("canary", amount="101")


@pytest.mark.parametrize("values", [{}, {"amount": "5", "is_lifted": "on"}, {"amount": "-1"}, {"amount": "NaN"}])
def test_a_cap_that_says_nothing_is_refused(ada: Desk, values: dict[str, str]) -> None:
    ada.start("canary", **values)
    assert canary_cap.last() is None
