from django.apps import AppConfig
from django.contrib.admin import apps as django_admin


class AdminPanelConfig(AppConfig):
    name = "adminpanel"
    default_auto_field = "django.db.models.BigAutoField"
    default = True
    verbose_name = "Admin panel"


class VantaAdminConfig(django_admin.AdminConfig):
    """Django's admin with Vanta's site in place of the default one."""

    default_site = "adminpanel.site.VantaAdminSite"
    default = False
