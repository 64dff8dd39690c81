"""The roles' groups and permissions, made by `migrate` itself. No model is imported: this runs with Django's registry.

They follow every migration, and not one of our own, as a table that a later version brings can then be seen by admins
at once, and because emptying a database empties them too.
"""

from enum import StrEnum
from typing import Any

from django.apps import AppConfig
from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import DEFAULT_DB_ALIAS, transaction
from django.db.models import Q

APPS_SEEN = ("adminpanel", "vanta", "feeds", "risk", "trading")
ACCOUNTS_SEEN = ("view_user", "view_group")
OF_ADMINS = ("stop_trading", "disable_trader", "tighten_limits")
OF_SUPER_ADMINS = (
    "start_trading",
    "change_execution_mode",
    "enable_trader",
    "loosen_limits",
    "manage_roles",
    "manage_keys",
)


class Role(StrEnum):
    """What somebody is here. The value is the group's name; who may more comes later."""

    NONE = ""
    ADMIN = "Admin"
    SUPER_ADMIN = "Super admin"

    @property
    def rank(self) -> int:
        """Higher where one may more."""
        return list(Role).index(self)


def after_migrations(app_config: AppConfig, using: str = DEFAULT_DB_ALIAS, apps: Any = installed, **_: Any) -> None:
    """Django's signal after `migrate`, sent for each app; acts once, after the last."""
    if app_config.label != [config.label for config in installed.get_app_configs() if config.models_module][-1]:
        return
    try:
        apps.get_model("auth", "Group"), apps.get_model("adminpanel", "AdminAccount")
    except LookupError:
        return  # a migration to a version without them
    create_permissions(app_config, verbosity=0, using=using, apps=apps)  # Django's own turn may still be to come
    bring_groups_in_step(using, apps)


def bring_groups_in_step(using: str = DEFAULT_DB_ALIAS, apps: Any = installed) -> None:
    """Give both groups exactly the permissions that stand above."""
    group_model, permission_model = apps.get_model("auth", "Group"), apps.get_model("auth", "Permission")
    permissions = permission_model.objects.using(using)
    seen = Q(content_type__app_label__in=APPS_SEEN, codename__startswith="view_")
    accounts = Q(content_type__app_label="auth", codename__in=ACCOUNTS_SEEN)
    ours = Q(content_type__app_label="adminpanel")
    of_admins = set(permissions.filter(seen | accounts | (ours & Q(codename__in=OF_ADMINS))))
    more = set(permissions.filter(ours, codename__in=OF_SUPER_ADMINS))
    with transaction.atomic(using=using):
        for role, granted in ((Role.ADMIN, of_admins), (Role.SUPER_ADMIN, of_admins | more)):
            group, _ = group_model.objects.using(using).get_or_create(name=role.value)
            group.permissions.set(granted)
