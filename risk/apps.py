from django.apps import AppConfig
from django.utils.module_loading import import_string


class RiskConfig(AppConfig):
    name = "risk"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the checks; they need the models, which are loaded now."""
        import_string("risk.warnings.global_limits_go_together")
