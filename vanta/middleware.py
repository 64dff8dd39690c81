"""The outermost middleware: a trace id for every request, one log line with its duration, the id in the answer."""

from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse

from vanta import clock, tracing

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
            log.info(
                "request",
                method=request.method,
                path=request.path,
                status=response.status_code,
                duration_ms=round((clock.monotonic() - started) * 1000, 1),
            )
        return response
