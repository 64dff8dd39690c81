"""Users in the admin: super admins say who somebody is; what lets somebody in needs a code, what shuts out does not."""

import io
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from adminpanel.groups import Role
from adminpanel.models import AdminAccount
from adminpanel.roles import role_of
from adminpanel.second_factor import device_of
from tests.access import code_for, enrolled, logged_in, make_user
from vanta.models import AuditEntry

pytestmark = pytest.mark.django_db
PASSWORD = "a-long-enough-word"


@pytest.fixture(autouse=True)
def _fast(settings: Settings) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def chief(db: None) -> User:
    return make_user("chief", Role.SUPER_ADMIN)


@pytest.fixture
def clerk(db: None) -> User:
    return make_user("clerk", Role.ADMIN)


def page(user: User) -> str:
    return reverse("admin:auth_user_change", args=[user.pk])


def filled(user: User | None, **values: Any) -> dict[str, Any]:
    """The form as it is, with some of it changed. None leaves a box unticked."""
    now = {"new_role": role_of(user), "is_active": "on"} if user else {"is_active": "on"}
    return {name: value for name, value in {**now, "reason": "a test", **values}.items() if value is not None}


def save(client: Client, user: User, **values: Any) -> str:
    """What the page says; nothing where it was saved."""
    answer = client.post(page(user), filled(user, **values))
    return "" if answer.status_code == 302 else answer.content.decode()


def test_a_new_admin_is_added_with_a_code_and_enrols_at_first(chief: User, settings: Settings) -> None:
    new = {"username": "hedy", "new_role": Role.ADMIN, "new_password": PASSWORD, "telegram_id": "77"}
    client = logged_in(chief)
    refused = client.post(reverse("admin:auth_user_add"), filled(None, **new))
    assert "This needs a code" in refused.content.decode()
    added = client.post(reverse("admin:auth_user_add"), filled(None, **new, code=code_for(chief)))
    assert added.status_code == 302
    hedy = User.objects.get(username="hedy")
    assert (role_of(hedy), hedy.admin_account.telegram_id) == (Role.ADMIN, 77)
    assert hedy.check_password(PASSWORD)
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.action, entry.reason) == ("admin:chief", "user.add", "a test")
    assert (entry.after or {}) | {"role": "Admin", "telegram_id": 77, "password": "new"} == entry.after
    assert PASSWORD not in str(entry.after)


def test_a_role_is_raised_with_a_code_and_taken_away_with_a_reason(chief: User, clerk: User) -> None:
    client, theirs = logged_in(chief), logged_in(clerk)
    assert "This needs a code" in save(client, clerk, new_role=Role.SUPER_ADMIN)
    assert save(client, clerk, new_role=Role.SUPER_ADMIN, code=code_for(chief)) == ""
    assert role_of(clerk) is Role.SUPER_ADMIN
    assert theirs.get("/admin/").status_code == 200
    assert "required" in save(client, clerk, new_role=Role.NONE.value, reason="")
    assert save(client, clerk, new_role=Role.NONE.value) == ""
    assert role_of(User.objects.get(pk=clerk.pk)) is Role.NONE
    assert theirs.get("/admin/").status_code == 302
    entry = AuditEntry.objects.latest("seq")
    assert (entry.before, entry.after) == ({"role": "Super admin"}, {"role": "", "sessions": "ended"})


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"is_active": None}, {"is_active": False, "sessions": "ended"}),
        ({"log_out": "on"}, {"sessions": "ended"}),
    ],
)
def test_shutting_somebody_out_takes_a_reason_alone(
    chief: User, clerk: User, values: dict[str, Any], told: dict[str, Any]
) -> None:
    theirs = logged_in(clerk)
    assert save(logged_in(chief), clerk, **values) == ""
    assert theirs.get("/admin/").status_code == 302
    assert AuditEntry.objects.get().after == told


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"new_password": PASSWORD}, {"password": "new", "sessions": "ended"}),
        ({"forget_device": "on"}, {"device": False, "sessions": "ended"}),
        ({"telegram_id": "5"}, {"telegram_id": 5}),
    ],
)
def test_what_lets_somebody_in_takes_a_code(
    chief: User, clerk: User, values: dict[str, Any], told: dict[str, Any]
) -> None:
    client, _ = logged_in(chief), enrolled(clerk)
    assert "This needs a code" in save(client, clerk, **values)
    assert save(client, clerk, **values, code=code_for(chief)) == ""
    assert AuditEntry.objects.get().after == told
    assert (device_of(clerk) is None) is ("forget_device" in values)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"new_password": "short"}, "too short"),
        ({"telegram_id": "77"}, "Somebody else has this"),
        ({"telegram_id": "-1"}, "greater than or equal to 1"),
        ({"new_role": "Emperor"}, "Select a valid choice"),
    ],
)
def test_what_cannot_be_saved_says_why(chief: User, clerk: User, values: dict[str, str], told: str) -> None:
    AdminAccount.objects.create(user=make_user("hedy"), telegram_id=77)
    assert told in save(logged_in(chief), clerk, **values, code=code_for(chief))
    assert not AuditEntry.objects.exists()


def test_the_last_super_admin_cannot_be_shut_out(chief: User) -> None:
    assert "the only super admin" in save(logged_in(chief), chief, new_role=Role.ADMIN)
    make_user("gone", Role.SUPER_ADMIN, is_active=False)
    assert "the only super admin" in save(logged_in(chief), chief, is_active=None)
    make_user("second", Role.SUPER_ADMIN)
    assert save(logged_in(chief), chief, new_role=Role.ADMIN) == ""


def test_nothing_else_of_a_user_can_be_posted(chief: User, clerk: User) -> None:
    hostile = {"is_superuser": "on", "is_staff": "on", "groups": "2", "user_permissions": "1", "username": "other"}
    save(logged_in(chief), clerk, **hostile)
    clerk = User.objects.get(pk=clerk.pk)
    assert (clerk.username, clerk.is_superuser, role_of(clerk)) == ("clerk", False, Role.ADMIN)


def test_an_admin_sees_users_and_changes_none(chief: User, clerk: User) -> None:
    client = logged_in(clerk)
    html = client.get(page(chief)).content.decode()
    assert "Super admin" in html
    assert 'name="new_role"' not in html
    assert client.post(page(clerk), filled(clerk, new_role=Role.SUPER_ADMIN, code=code_for(clerk))).status_code == 403


def test_who_runs_vanta_lets_somebody_enrol_another_device(chief: User) -> None:
    client = logged_in(chief)
    call_command("forget_device", "chief", reason="lost at sea", stdout=io.StringIO())
    assert device_of(chief) is None
    assert client.get("/admin/").status_code == 302
    entry = AuditEntry.objects.get()
    assert entry.actor.startswith("shell:")
    assert (entry.action, entry.reason) == ("device.forget", "lost at sea")
    with pytest.raises(CommandError, match="no device"):
        call_command("forget_device", "chief", reason="again")
