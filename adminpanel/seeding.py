"""Brings admins in step with ADMIN_USER_IDS and SUPER_ADMIN_IDS.

The settings name them at first. After that only what *changes* there is carried out: a role that a super admin took
away in the admin site does not come back with the next deployment, and one that was given there stays.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from adminpanel import roles
from adminpanel.groups import Role
from adminpanel.models import AdminAccount
from vanta import audit

ACTOR = "settings"


@dataclass(frozen=True, slots=True)
class Seeded:
    """What was done about somebody: the role before and now."""

    username: str
    before: Role
    after: Role
    is_new: bool


def wanted_roles() -> dict[int, Role]:
    """By Telegram id, what the settings say; the higher one where an id stands in both."""
    return {
        **dict.fromkeys(settings.ADMIN_USER_IDS, Role.ADMIN),
        **dict.fromkeys(settings.SUPER_ADMIN_IDS, Role.SUPER_ADMIN),
    }


@transaction.atomic
def bring_admins_in_step() -> list[Seeded]:
    """Carry out what has changed in the settings since the last time; harmless when repeated."""
    wanted = wanted_roles()
    accounts = {
        account.telegram_id: account
        for account in AdminAccount.objects.select_for_update(of=("self",)).select_related("user")
    }
    return list(_changes(wanted, accounts))


def _changes(wanted: dict[int, Role], accounts: dict[int | None, AdminAccount]) -> Iterator[Seeded]:
    for number, role in wanted.items():
        account = accounts.get(number)
        if account is None:
            yield _seed(_new_account(number), role, is_new=True)
        elif account.seeded_role != role.value:
            yield _seed(account, role)
    for known in accounts.values():
        if known.seeded_role and known.telegram_id not in wanted:
            yield _seed(known, Role.NONE)


def _new_account(telegram_id: int) -> AdminAccount:
    """Nobody can log in with it until a password is set."""
    user = User(username=f"tg{telegram_id}")
    user.set_unusable_password()
    user.save()
    return AdminAccount.objects.create(user=user, telegram_id=telegram_id)


def _seed(account: AdminAccount, role: Role, *, is_new: bool = False) -> Seeded:
    user, before = account.user, roles.role_of(account.user)
    account.seeded_role = role.value
    account.save(update_fields=["seeded_role"])
    roles.give(user, role)
    if role.rank < before.rank:
        roles.log_out_everywhere(user)
    audit.append(
        actor=ACTOR,
        action="user.add" if is_new else "user.change",
        subject=f"user:{user.pk}",
        before=None if is_new else {"role": before.value},
        after={"role": role.value, "telegram_id": account.telegram_id},
        reason="ADMIN_USER_IDS, SUPER_ADMIN_IDS",
    )
    return Seeded(user.get_username(), before, role, is_new)
