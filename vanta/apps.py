from django.apps import AppConfig

from vanta.celery import app as celery_app

__all__ = ["celery_app"]  # loaded with Django, so that every process publishes through the same Celery application


class VantaConfig(AppConfig):
    name = "vanta"
    default_auto_field = "django.db.models.BigAutoField"
