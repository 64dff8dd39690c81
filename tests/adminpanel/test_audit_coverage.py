"""Whatever an operator does leaves an entry in the audit log, with who and, where it came over the network, its trace.

All actions that the code knows stand here: with an example, or with the test that has one.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings as configured
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from pytest_django import Settings

from adminpanel.access_settings import FAILURES
from adminpanel.groups import Role
from adminpanel.models import Alert
from adminpanel.second_factor import TRIES, CodeRefused, code_at, device_to_enrol, require_fresh_code, step_now
from risk import execution_mode
from risk.execution_mode import ExecutionMode
from risk.models import RiskPolicy
from tests.access import code_for, enrolled, logged_in, make_user
from tests.adminpanel.alerting import ADA
from tests.adminpanel.test_admin_pages import address, inlines
from tests.adminpanel.test_policy_pages import HISTORY
from tests.factories import make_policy, make_trader
from tests.trading.keys.rings import key_text, make_delegate
from tests.trading.people import Person
from trading.models import Trader
from vanta import clock
from vanta.models import AuditEntry

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("admins")]
PASSWORD = "a-long-enough-word"
APPENDED = re.compile(r'(?:action=|record\([a-z]+, )"([a-z_]+\.[a-z_]+|log_in|log_out_everywhere)"')
ELSEWHERE = {  # what takes a venue, a wallet or a chain: its own test demands the entry
    "order.end": "tests/trading/live/test_ending_by_hand.py",
    "receipt.accept": "tests/trading/live/test_receipts.py",
    "venue.trust": "tests/trading/live/test_gates.py",
    "delegate.request": "tests/trading/test_delegation.py",
    "delegate.activate": "tests/trading/test_delegation.py",
    "delegate.end": "tests/trading/test_wallet_commands.py",
    "policy.create": "tests/risk/test_policies.py",
    "canary_cap.change": "tests/adminpanel/test_control_forms.py",
    "trader.panic": "tests/trading/test_panic.py",
    "trader.panic_close": "tests/trading/test_panic.py",
    "trader.resume": "tests/trading/test_panic.py",
    "audit.restart_watch": "tests/vanta/test_audit_watch.py",
}


@pytest.fixture
def chief(db: None, settings: Settings) -> User:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return make_user("chief", Role.SUPER_ADMIN, password=PASSWORD)


def log_in(chief: User, **given: str) -> None:
    enrolled(chief)
    Client().post("/admin/login/", {"username": "chief", "password": PASSWORD, "code": code_for(chief), **given})


def be_locked(chief: User) -> None:
    for _ in range(FAILURES):
        log_in(chief, password="wrong")


def enrol(chief: User) -> None:
    client = Client()
    client.post("/admin/login/", {"username": "chief", "password": PASSWORD})
    client.post("/admin/enrol/", {"code": code_at(device_to_enrol(chief).bin_key, step_now())})


def change_password(chief: User) -> None:
    new = {"new_password1": "another-long-word-9", "new_password2": "another-long-word-9"}
    logged_in(chief).post("/admin/password_change/", {"old_password": PASSWORD, **new})


def lock_the_device(chief: User) -> None:
    enrolled(chief)
    for _ in range(TRIES):
        with pytest.raises(CodeRefused):
            require_fresh_code(chief, "nonsense")


def change_policy(chief: User) -> None:
    policy = make_policy("Careful", max_leverage=20)
    page = address(RiskPolicy, "change", policy.pk)
    logged_in(chief).post(page, {"reason": "a test", "max_leverage": "10", **HISTORY})


def disable_trader(chief: User) -> None:
    logged_in(chief).post(address(Trader, "change", make_trader().pk), inlines({}))


def change_role(chief: User) -> None:
    clerk = make_user("clerk", Role.ADMIN)
    posted = {"new_role": Role.NONE.value, "is_active": "on", "reason": "a test"}
    logged_in(chief).post(address(User, "change", clerk.pk), posted)


def rotate_keys(chief: User) -> None:
    configured.KEY_ENCRYPTION_KEYS = key_text("old")
    make_delegate()
    configured.KEY_ENCRYPTION_KEYS = f"{key_text('new')},{configured.KEY_ENCRYPTION_KEYS}"
    call_command("rotate_keys")


def take_an_alert(chief: User) -> None:
    alert = Alert.objects.create(kind=Alert.Kind.DISK_FULL, began_at=clock.now(), told_begin_at=clock.now())
    Person(ADA).taps(f"have_it:{alert.pk}")


def forget_device(chief: User) -> None:
    enrolled(chief)
    call_command("forget_device", "chief", reason="lost")


NETWORK, SHELL = True, False
# What is done, the entries it leaves in their order, and whether it has a trace id.
DONE: dict[str, tuple[Callable[[User], object], list[str], bool]] = {
    "log in": (log_in, ["log_in"], NETWORK),
    "fail to": (lambda chief: log_in(chief, password="wrong"), ["log_in.fail"], NETWORK),
    "fail with a code": (lambda chief: log_in(chief, code="1"), ["log_in.fail"], NETWORK),
    "fail with another name": (lambda chief: log_in(chief, username="nobody"), ["log_in.fail"], NETWORK),
    "be locked": (be_locked, ["log_in.fail", "log_in.lock"], NETWORK),
    "enrol a device": (enrol, ["log_in", "device.enrol"], NETWORK),
    "lock a device": (lock_the_device, ["code.lock"], SHELL),
    "forget a device": (forget_device, ["device.forget"], SHELL),
    "log out everywhere": (lambda chief: logged_in(chief).post("/admin/access/"), ["log_out_everywhere"], NETWORK),
    "change a password": (change_password, ["password.change"], NETWORK),
    "change a policy": (change_policy, ["policy.change"], NETWORK),
    "disable a trader": (disable_trader, ["trader.change"], NETWORK),
    "change a role": (change_role, ["user.change"], NETWORK),
    "name admins in the settings": (lambda _: call_command("sync_admins"), ["user.add"], SHELL),
    "halt in a shell": (
        lambda _: call_command("trading_state", "halted", reason="a test"),
        ["trading_state.change"],
        SHELL,
    ),
    "go LIVE": (
        lambda _: execution_mode.change(ExecutionMode.LIVE, actor="admin:chief", reason="a test"),
        ["execution_mode.change"],
        SHELL,
    ),
    "rotate keys": (rotate_keys, ["keys.rotate_begin", "keys.rotate", "keys.rotate_end"], SHELL),
    "/feeds": (lambda _: Person(ADA).types("/feeds"), ["telegram.command"], NETWORK),
    "/stop": (lambda _: Person(ADA).types("/stop odd"), ["trading_state.change", "telegram.command"], NETWORK),
    "/halt": (lambda _: Person(ADA).types("/halt"), ["trading_state.change", "telegram.command"], NETWORK),
    "/maintenance": (
        lambda _: Person(ADA).types("/maintenance"),
        ["trading_state.change", "telegram.command"],
        NETWORK,
    ),
    "/halt by a stranger": (lambda _: Person().types("/halt"), ["telegram.refuse"], NETWORK),
    "take an alert": (take_an_alert, ["alert.acknowledge"], NETWORK),
}


@pytest.fixture(autouse=True)
def _keys(settings: Settings) -> None:
    settings.KEY_ENCRYPTION_KEYS = ""  # what an example sets is undone


@pytest.mark.parametrize("what", DONE)
def test_it_leaves_its_entries_with_who_and_its_trace(what: str, chief: User) -> None:
    do, actions, is_traced = DONE[what]
    do(chief)
    entries = [entry for entry in AuditEntry.objects.order_by("seq") if entry.action in actions]
    assert list(dict.fromkeys(entry.action for entry in entries)) == actions
    for entry in entries:
        assert entry.actor
        assert entry.trace_id or not is_traced


def test_a_stranger_who_goes_on_trying_does_not_fill_the_log(chief: User) -> None:
    mallory = Person()
    for command in ("/halt", "/stop", "/feeds"):
        mallory.types(command)
    assert AuditEntry.objects.filter(action="telegram.refuse").count() == 1


def test_guesses_at_names_that_do_not_exist_fill_no_log_and_are_not_written_down(chief: User) -> None:
    for number in range(25):
        Client().post(
            "/admin/login/", {"username": f"hunter2-{number}", "password": "x"}, REMOTE_ADDR=f"10.0.0.{number}"
        )
    entries = AuditEntry.objects.filter(action="log_in.fail")
    assert entries.count() == 20
    assert "hunter2" not in str(list(entries.values()))


def known_actions() -> Iterator[tuple[str, Path]]:
    for package in ("adminpanel", "trading", "risk", "feeds", "vanta"):
        for file in (configured.BASE_DIR / package).rglob("*.py"):
            yield from ((action, file) for action in APPENDED.findall(file.read_text()))


def test_every_action_that_the_code_appends_has_an_example() -> None:
    shown = {action for _, actions, _ in DONE.values() for action in actions}
    found = dict(known_actions())
    assert {action: file.name for action, file in found.items() if action not in shown | set(ELSEWHERE)} == {}
    assert set(ELSEWHERE) <= set(found)
    for action, test in ELSEWHERE.items():
        assert f'"{action}"' in (configured.BASE_DIR / test).read_text()
