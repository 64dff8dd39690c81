"""Stopping from the chat or the shell: one step, in force with its commit, and told to whom it concerns."""

from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from pytest_django import Settings

from feeds.models import Market
from risk import check_in, trading_state
from risk.models import TradingStateChange
from risk.trading_state import TradingState
from tests.trading.people import Person
from tests.trading.pipeline import approve, open_position
from trading import execution
from trading.models import OutboxMessage
from trading.services import stopping
from trading.telegram import webhook
from trading.telegram.admin_commands import REFUSAL
from trading.telegram.stopping_words import halted_already
from vanta.models import AuditEntry

pytestmark = pytest.mark.django_db
NEWS = "maintenance_news"


@pytest.fixture
def admin(grace: Person, settings: Settings) -> Person:
    settings.ADMIN_USER_IDS = [grace.id]
    return grace


@pytest.mark.parametrize(
    ("typed", "state", "told"),
    [
        ("/stop", "reducing", "Winding down"),
        ("/halt", "halted", "Halted"),
        ("/maintenance", "reducing", "Maintenance"),
        ("/HALT prices that <look> odd", "halted", "prices that &lt;look&gt; odd"),
    ],
)
def test_an_admin_stops_in_one_step(admin: Person, typed: str, state: str, told: str) -> None:
    assert told in admin.answer(typed)
    change = TradingStateChange.objects.get()
    assert (change.state, change.is_maintenance) == (state, typed == "/maintenance")
    assert str(admin.id) in change.actor
    assert list(AuditEntry.objects.order_by("seq").values_list("action", flat=True)) == [
        "trading_state.change",
        "telegram.command",
    ]


@pytest.mark.parametrize("typed", ["/stop", "/halt", "/maintenance"])
def test_nobody_else_stops_anything(ada: Person, admin: Person, typed: str) -> None:
    assert ada.answer(typed) == REFUSAL
    assert not TradingStateChange.objects.exists()


@pytest.mark.parametrize("typed", ["/stop", "/halt", "/maintenance"])
def test_a_stop_is_handled_while_the_broker_is_away(admin: Person, typed: str) -> None:
    assert webhook._is_urgent(admin.text_update(typed))


def test_a_stop_says_what_it_takes_back_and_what_it_did_not_catch(admin: Person, ada: Person, eth: Market) -> None:
    open_position(ada)
    approve(ada, "/long ETH 100 10x")
    (left,) = execution.claim(reductions_only=False)
    waiting = approve(ada, "/long ETH 150 10x")
    told = admin.answer("/halt")
    assert "1 not yet sent, 0 resting" in told
    assert f"• #{left.pk} DRY long ETH/USD 100.00 at 10x" in told
    assert "Open positions: 1" in told
    execution.drain()
    waiting.refresh_from_db()
    assert (waiting.state, waiting.reason) == ("CANCELED", "trading_halted")


def test_winding_down_never_lets_a_halted_system_send_again(admin: Person) -> None:
    admin.types("/halt")
    assert admin.answer("/stop").endswith(halted_already())
    assert trading_state.current() is TradingState.HALTED


def test_traders_with_something_open_or_lately_ordered_hear_of_maintenance_once_and_of_its_end(
    admin: Person, ada: Person, eth: Market
) -> None:
    open_position(ada)
    admin.types("/maintenance new disks")
    admin.types("/maintenance new disks, still")
    news = OutboxMessage.objects.filter(method=NEWS)
    assert [(row.chat_id, row.payload["is_over"]) for row in news] == [(ada.id, False)]
    stopping.change_state(TradingState.ACTIVE, actor="super admin", reason="done")
    assert news.latest("pk").payload["is_over"]
    admin.types("/stop")
    stopping.change_state(TradingState.ACTIVE, actor="super admin", reason="done")
    assert news.all().count() == 2


def test_a_halt_during_maintenance_does_not_hide_its_end_from_the_traders(
    admin: Person, ada: Person, eth: Market
) -> None:
    open_position(ada)
    for typed in ("/maintenance new disks", "/halt the disks are odd", "/maintenance"):
        admin.types(typed)
    stopping.change_state(TradingState.REDUCING, actor="super admin", reason="disks are well")
    stopping.change_state(TradingState.ACTIVE, actor="super admin", reason="done")
    assert [row.payload["is_over"] for row in OutboxMessage.objects.filter(method=NEWS).order_by("pk")] == [False, True]


def test_an_admin_reads_where_trading_is_resumed(admin: Person, settings: Settings) -> None:
    settings.PUBLIC_BASE_URL = "https://vanta.example/"
    assert f"https://vanta.example{reverse('controls')}" in admin.answer("/stop")


def test_nothing_opens_under_a_limit_that_nobody_has_acknowledged(ada: Person, eth: Market, settings: Settings) -> None:
    check_in.check_in()
    waiting = approve(ada, "/long ETH 100 10x")
    settings.MAX_LEVERAGE = Decimal(501)  # of a process that has not said so yet
    ada.types("/long ETH 100 10x")
    assert ada.orders[-1].reason == "trading_state"
    execution.drain()
    waiting.refresh_from_db()
    assert (waiting.state, waiting.fills.exists()) == ("CANCELED", False)


def test_the_shell_does_not_resume_while_looser_limits_wait(settings: Settings) -> None:
    check_in.check_in()
    settings.MAX_LEVERAGE = Decimal(501)
    check_in.check_in()
    with pytest.raises(CommandError, match="Acknowledge them first: http"):
        call_command("trading_state", "active", "--reason", "drill is over")


def test_the_shell_halts_and_shows() -> None:
    out = StringIO()
    call_command("trading_state", "halted", "--reason", "drill", "--actor", "ops", stdout=out)
    assert trading_state.current() is TradingState.HALTED
    assert out.getvalue().startswith("Trading state: HALTED\nsince ")
    assert out.getvalue().endswith("by ops: drill\n")


def test_the_shell_shows_the_state_by_default() -> None:
    out = StringIO()
    call_command("trading_state", stdout=out)
    assert out.getvalue() == "Trading state: ACTIVE\n"


def test_the_shell_asks_for_a_reason() -> None:
    with pytest.raises(CommandError, match="--reason"):
        call_command("trading_state", "halted")


def test_the_shell_resumes_outside_production_only(settings: Settings) -> None:
    call_command("trading_state", "halted", "--reason", "drill", stdout=StringIO())
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="admin site"):
        call_command("trading_state", "active", "--reason", "drill is over")
    settings.PRODUCTION = False
    call_command("trading_state", "active", "--reason", "drill is over", stdout=StringIO())
    assert trading_state.current() is TradingState.ACTIVE


def test_the_shell_tells_of_maintenance_and_in_production_lets_nothing_through_again(settings: Settings) -> None:
    call_command("trading_state", "maintenance", "--reason", "drill", stdout=StringIO())
    assert TradingStateChange.objects.get().is_maintenance
    call_command("trading_state", "halted", "--reason", "drill", stdout=StringIO())
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="admin site"):
        call_command("trading_state", "reducing", "--reason", "less")
