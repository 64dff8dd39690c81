"""Health and metrics over HTTP."""

from vanta.health.views import ReadyView, healthz, metrics_page

__all__ = ["ReadyView", "healthz", "metrics_page"]
