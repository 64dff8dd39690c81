from django.apps import AppConfig
from django.contrib.admin import apps as django_admin
from django.db.models.signals import post_migrate

from adminpanel.groups import after_migrations


class AdminPanelConfig(AppConfig):
    name = "adminpanel"
    default_auto_field = "django.db.models.BigAutoField"
    default = True
    verbose_name = "Admin panel"
    telegram_taps = {"have_it": "adminpanel.telegram_taps.acknowledge"}  # see trading.telegram.further_taps

    def ready(self) -> None:
        """The roles' groups follow the tables."""
        post_migrate.connect(after_migrations, dispatch_uid="adminpanel.groups")


class VantaAdminConfig(django_admin.AdminConfig):
    """Django's admin with Vanta's site in place of the default one."""

    default_site = "adminpanel.site.VantaAdminSite"
    default = False
