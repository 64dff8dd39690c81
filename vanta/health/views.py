"""The pages that load balancers, Prometheus and alerts read."""

import hmac

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden, JsonResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from vanta import metrics
from vanta.health import gauges, machine_gauges
from vanta.health.report import CHECKS, Reporter

TOKEN_HEADER = "X-Health-Token"  # noqa: S105  (a header's name)
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

reporter = Reporter(CHECKS)
scrape = gauges.Scrape()


@require_safe
@never_cache
def healthz(_request: HttpRequest) -> HttpResponse:
    """The process answers. Touches nothing: no database, no Redis, no session."""
    return JsonResponse({"status": "ok"})


@method_decorator(never_cache, name="dispatch")
class ReadyView(View):
    """Whether orders can be taken: 503 where a critical check fails; each check's status and latency."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Details come with the health token, and outside production to everybody."""
        report = reporter.report()
        body = report.as_json(with_details=_is_operator(request))
        response = JsonResponse(body, status=200 if report.is_ready else 503, json_dumps_params={"indent": 1})
        # The report has logged what changed; Django would log every 503 of every probe as an error.
        response._has_been_logged = True  # type: ignore[attr-defined]
        return response


@require_safe
@never_cache
def metrics_page(request: HttpRequest) -> HttpResponse:
    """What all processes counted, and what is the case now; in production for the holder of the health token only.

    Answers within three seconds and a little, whatever hangs.
    """
    if not _is_operator(request):
        return HttpResponseForbidden(f"Send the health token as {TOKEN_HEADER} or ?token=\n", content_type="text/plain")
    read = [*scrape.metrics(), *machine_gauges.readiness(reporter.report())]
    return HttpResponse(metrics.exposition() + gauges.exposition(read), content_type=METRICS_TYPE)


def _is_operator(request: HttpRequest) -> bool:
    """Whether the request carries the health token; outside production everybody is an operator."""
    given = request.headers.get(TOKEN_HEADER) or request.GET.get("token", "")
    if settings.HEALTH_TOKEN and hmac.compare_digest(given.encode(), settings.HEALTH_TOKEN.encode()):
        return True
    return not settings.PRODUCTION
