"""Who has which role, and what it lets them do. An Admin sees all and stops; a Super admin starts as well.

Who has one comes from ADMIN_USER_IDS and SUPER_ADMIN_IDS at first, and from the admin site after that.
"""

from typing import Any

from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session
from django.db.models import Q, QuerySet

from adminpanel.groups import Role
from vanta import clock


def may(user: Any, control: str) -> bool:
    """Whether a user has one of the controls' permissions, by its codename."""
    return bool(user.has_perm(f"adminpanel.{control}"))


def role_of(user: User) -> Role:
    """The highest role that a user's groups give; Django's superusers are super admins."""
    if user.is_superuser:
        return Role.SUPER_ADMIN
    names = set(user.groups.values_list("name", flat=True))
    return max((role for role in Role if role in names), key=lambda role: role.rank, default=Role.NONE)


def super_admins() -> QuerySet[User]:
    """Those who can log in as super admins."""
    named = Q(groups__name=Role.SUPER_ADMIN) | Q(is_superuser=True)
    return User.objects.filter(named, is_active=True, is_staff=True).distinct()


def give(user: User, role: Role) -> None:
    """Put a user into the role's group and out of the others. The caller checks, and appends to the audit log."""
    user.groups.remove(*Group.objects.filter(name__in=[each for each in Role if each]))
    if role:
        user.groups.add(Group.objects.get(name=role))
    user.is_staff = bool(role)
    user.is_superuser = False
    user.save(update_fields=["is_staff", "is_superuser"])


def log_out_everywhere(user: User) -> int:
    """End all sessions of a user at once; how many there were. The caller appends to the audit log."""
    theirs = [
        session.pk
        for session in Session.objects.filter(expire_date__gt=clock.now())
        if session.get_decoded().get("_auth_user_id") == str(user.pk)
    ]
    Session.objects.filter(pk__in=theirs).delete()
    return len(theirs)
