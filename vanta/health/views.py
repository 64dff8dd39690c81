"""The pages that load balancers and alerts read."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import View
from django.views.decorators.http import require_safe

from vanta import heartbeat, metrics


@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    """The process answers; nothing else is touched."""
    return HttpResponse("ok\n", content_type="text/plain")


class ReadyView(View):
    """Whether orders can be taken."""

    def get(self, _request: HttpRequest) -> HttpResponse:
        age = heartbeat.age_s("workers")
        ready = age is not None and age <= 15
        return JsonResponse({"status": "ok" if ready else "failed"}, status=200 if ready else 503)


@require_safe
def metrics_page(_request: HttpRequest) -> HttpResponse:
    """Prometheus' text format."""
    return HttpResponse(metrics.exposition(), content_type="text/plain; version=0.0.4; charset=utf-8")
