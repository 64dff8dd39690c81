"""Probes are answered before anything looks at the host name: load balancers ask by address."""

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from vanta.health.views import ReadyView, healthz

_READY = ReadyView.as_view()
VIEWS: dict[str, Callable[[HttpRequest], HttpResponseBase]] = {
    "/healthz": healthz,
    "/readyz": _READY,
    "/health": _READY,
}


class ProbeMiddleware:
    """Stands before sessions, forms and log-ins: a probe touches none of them."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return VIEWS.get(request.path, self.get_response)(request)
