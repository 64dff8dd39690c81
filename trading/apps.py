from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class TradingConfig(AppConfig):
    name = "trading"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Apps above may bring buttons of their own."""
        autodiscover_modules("telegram_taps")
