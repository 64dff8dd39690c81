"""The outermost middleware: a trace id for every request, one log line with its duration, the id in the answer,
its time in the metrics."""

from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse

from vanta import clock, metrics, tracing

log = structlog.get_logger(__name__)
QUIET_PATHS = ("/healthz", "/readyz", "/health", "/metrics", "/static/")


class RequestTraceMiddleware:
    """Binds the trace id before anything else logs, and logs a request once, when it is done."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        trace_id = tracing.reset_trace()
        started = clock.monotonic()
        response = self.get_response(request)
        response[tracing.TRACE_HEADER] = trace_id
        if not request.path.startswith(QUIET_PATHS):
            seconds = clock.monotonic() - started
            metrics.http_seconds.labels(_view(request), f"{response.status_code // 100}xx").observe(seconds)
            log.info(
                "request",
                method=request.method,
                path=request.path,
                status=response.status_code,
                duration_ms=round(seconds * 1000, 1),
            )
        return response


def _view(request: HttpRequest) -> str:
    """A view's name, all of the admin's pages under one; never a path, of which there are endlessly many."""
    match = request.resolver_match
    return "none" if match is None else match.namespace or match.url_name or "unnamed"
