from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class AdminPanelConfig(AppConfig):
    name = "adminpanel"
    default_auto_field = "django.db.models.BigAutoField"
    default = True


class VantaAdminConfig(AdminConfig):
    """Django's admin with Vanta's site in place of the default one."""

    default_site = "adminpanel.site.VantaAdminSite"
    default = False
