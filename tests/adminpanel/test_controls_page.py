"""Controls: stopping is one POST for whoever may, from every page, and says what it does not catch."""

import pytest
from django.test import Client
from pytest_django import Settings

from adminpanel.groups import Role
from adminpanel.navigation import CONTROLS_PAGE
from risk import execution_mode, trading_state
from risk.execution_mode import ExecutionMode
from risk.trading_state import TradingState
from tests.access import make_user
from tests.adminpanel.desk import STOP, TOLD, Desk, last_entry, news, words
from tests.factories import make_order
from trading.telegram.stopping_words import CONTROLS_PATH

pytestmark = pytest.mark.django_db
ACTIVE, REDUCING, HALTED = TradingState


@pytest.fixture
def ada(db: None, settings: Settings) -> Desk:
    settings.SUPER_ADMIN_IDS = [TOLD]
    return Desk(make_user("ada", Role.SUPER_ADMIN))


@pytest.fixture
def clerk(db: None) -> Desk:
    return Desk(make_user("clerk", Role.ADMIN))


@pytest.mark.parametrize(
    ("to", "state", "told"),
    [
        ("reducing", REDUCING, "Winding down"),
        ("halted", HALTED, "Halted: nothing is sent but cancels"),
        ("maintenance", REDUCING, "the traders are told"),
    ],
)
def test_an_admin_stops_with_one_post_and_needs_no_reason(clerk: Desk, to: str, state: TradingState, told: str) -> None:
    assert told in clerk.stop(to=to)
    held = trading_state.last()
    assert held is not None
    assert (trading_state.current(), held.is_maintenance) == (state, to == "maintenance")
    assert last_entry() == ("admin:clerk", "trading_state.change", "Stopped from the admin site by clerk")


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("odd prices", "odd prices"), ("x" * 900, "x" * 500), (" \0", "Stopped from the admin site by clerk")],
)
def test_no_reason_is_too_bad_to_stop_for(clerk: Desk, typed: str, kept: str) -> None:
    clerk.stop(to="halted", reason=typed)
    assert last_entry() == ("admin:clerk", "trading_state.change", kept)


def test_a_stop_says_what_it_does_not_catch(clerk: Desk) -> None:
    order = make_order(state="SUBMITTING")
    make_order(state="APPROVED")
    told = clerk.stop(to="halted")
    assert all(f'value="{to}"' in told for to in ("reducing", "halted", "maintenance"))
    assert all(f"> {name} </button>" in told for name in ("STOP", "HALT", "MAINTENANCE"))
    assert "1 opening on the way before it, and may still be executed" in told
    assert f"#{order.pk}</a> DRY long ETH/USD" in told
    assert "1 not yet sent, 0 resting" in told
    assert "may still be executed" in clerk.page()


def test_a_stop_never_lets_more_through(clerk: Desk) -> None:
    clerk.stop(to="halted")
    assert "halted already, and stays so" in clerk.stop(to="reducing")
    assert trading_state.current() is HALTED


@pytest.mark.parametrize("to", ["", "active", "nonsense"])
def test_what_is_no_stop_changes_nothing(clerk: Desk, to: str) -> None:
    assert clerk.client.post(STOP, {"to": to}).status_code == 400
    assert trading_state.last() is None


def test_a_stop_needs_the_page_s_own_token(clerk: Desk) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = clerk.client.cookies
    assert strict.post(STOP, {"to": "halted"}).status_code == 403


@pytest.mark.parametrize(
    "page", [CONTROLS_PAGE, "/admin/", "/admin/trading/order/", "/admin/access/", "/admin/risk/limits/"]
)
def test_while_trading_is_active_every_page_has_a_button_that_stops_it(clerk: Desk, page: str) -> None:
    html = words(clerk.client.get(page))
    assert html.count(f'<form method="post" action="{STOP}"> <input type="hidden" name="csrfmiddlewaretoken"') == 1
    clerk.stop(to="reducing")
    html = words(clerk.client.get(page))
    assert 'id="standing" data-state="reducing"' in html
    assert f'<form method="post" action="{STOP}"> <input' not in html


def test_who_may_not_stop_sees_no_button(db: None) -> None:
    plain = Desk(make_user("plain"))
    assert STOP not in words(plain.client.get("/admin/access/"))
    assert plain.client.post(STOP, {"to": "halted"}).status_code == 403


def test_a_super_admin_goes_dry_in_one_step_and_the_admins_are_told(ada: Desk, clerk: Desk) -> None:
    execution_mode.change(ExecutionMode.LIVE, actor="test", reason="canary")
    assert 'value="dry"' not in clerk.page()
    assert clerk.client.post(STOP, {"to": "dry"}).status_code == 403
    assert "nothing more opens with real money" in ada.stop(to="dry")
    assert execution_mode.current() is ExecutionMode.DRY
    assert last_entry()[:2] == ("admin:ada", "execution_mode.change")
    assert "<b>DRY.</b>" in news()[0]


def test_the_chat_and_the_page_mean_the_same_address() -> None:
    assert CONTROLS_PATH == CONTROLS_PAGE


def test_what_is_no_control_is_not_found(ada: Desk) -> None:
    assert ada.client.post(f"{CONTROLS_PAGE}nonsense/").status_code == 404
