"""Who has which role: groups that follow the code, and admins whom the settings name at first."""

import io
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.management import call_command
from pytest_django import Settings

from adminpanel import roles
from adminpanel.groups import OF_ADMINS, OF_SUPER_ADMINS, Role, bring_groups_in_step
from adminpanel.models import AdminAccount
from adminpanel.roles import role_of
from adminpanel.seeding import bring_admins_in_step
from tests.access import logged_in, make_user
from vanta.models import AuditEntry

pytestmark = pytest.mark.django_db
ADA, GRACE = 11, 12


def name_in_settings(settings: Settings, *, admins: tuple[int, ...] = (), super_admins: tuple[int, ...] = ()) -> None:
    settings.ADMIN_USER_IDS, settings.SUPER_ADMIN_IDS = list(admins), list(super_admins)


def user_of(telegram_id: int) -> User:
    return AdminAccount.objects.get(telegram_id=telegram_id).user


def test_an_admin_sees_everything_and_stops_and_a_super_admin_starts_too(db: None) -> None:
    clerk, chief = make_user("clerk", Role.ADMIN), make_user("chief", Role.SUPER_ADMIN)
    for control in OF_ADMINS:
        assert roles.may(clerk, control)
    for control in OF_SUPER_ADMINS:
        assert not roles.may(clerk, control)
        assert roles.may(chief, control)
    controls = AdminAccount._meta.permissions
    assert {name for name, _ in controls} == {*OF_ADMINS, *OF_SUPER_ADMINS, "view_dashboard"}
    for user in (clerk, chief):
        assert user.has_perms(["trading.view_order", "vanta.view_auditentry", "auth.view_user", "risk.view_riskpolicy"])
        assert not user.has_perm("otp_totp.view_totpdevice")


def test_no_role_has_one_of_djangos_own_permissions_to_change_rows(db: None) -> None:
    granted = Permission.objects.filter(group__name__in=[Role.ADMIN, Role.SUPER_ADMIN]).distinct()
    others = granted.exclude(codename__startswith="view_").exclude(content_type__app_label="adminpanel")
    assert list(others) == []


def test_migrating_takes_away_what_somebody_gave_a_group(db: None) -> None:
    group = Group.objects.get(name=Role.ADMIN)
    before = set(group.permissions.all())
    group.permissions.add(Permission.objects.get(codename="loosen_limits"))
    bring_groups_in_step()
    assert set(group.permissions.all()) == before


def test_the_settings_name_admins_who_log_in_once_they_have_a_password(settings: Settings, db: None) -> None:
    name_in_settings(settings, admins=(ADA, GRACE), super_admins=(ADA,))
    said = io.StringIO()
    call_command("sync_admins", stdout=said)
    assert (role_of(user_of(ADA)), role_of(user_of(GRACE))) == (Role.SUPER_ADMIN, Role.ADMIN)
    assert not user_of(ADA).has_usable_password()
    assert f"changepassword tg{ADA}" in said.getvalue()
    assert AuditEntry.objects.filter(actor="settings", action="user.add").count() == 2
    assert bring_admins_in_step() == []


@pytest.mark.parametrize(
    ("now", "role"),
    [
        ({"super_admins": (ADA,)}, Role.SUPER_ADMIN),
        ({"admins": (ADA,)}, Role.ADMIN),
        ({}, Role.NONE),
    ],
)
def test_what_changes_in_the_settings_is_carried_out(
    settings: Settings, db: None, now: dict[str, Any], role: Role
) -> None:
    name_in_settings(settings, admins=(ADA,))
    bring_admins_in_step()
    name_in_settings(settings, **now)
    bring_admins_in_step()
    assert role_of(user_of(ADA)) is role
    assert user_of(ADA).is_staff is bool(role)


def test_a_role_that_was_taken_away_here_does_not_come_back_with_the_next_release(settings: Settings, db: None) -> None:
    name_in_settings(settings, super_admins=(ADA,))
    bring_admins_in_step()
    roles.give(user_of(ADA), Role.NONE)
    assert bring_admins_in_step() == []
    assert role_of(user_of(ADA)) is Role.NONE


def test_who_was_given_a_role_here_keeps_it_whatever_the_settings_say(settings: Settings, db: None) -> None:
    user = make_user("hedy", Role.SUPER_ADMIN)
    AdminAccount.objects.create(user=user, telegram_id=GRACE)
    name_in_settings(settings)
    assert bring_admins_in_step() == []
    assert role_of(user) is Role.SUPER_ADMIN


def test_whoever_has_less_from_now_on_is_logged_out(settings: Settings, db: None) -> None:
    name_in_settings(settings, super_admins=(ADA,))
    bring_admins_in_step()
    client = logged_in(user_of(ADA))
    name_in_settings(settings, admins=(ADA,))
    bring_admins_in_step()
    assert client.get("/admin/").status_code == 302
