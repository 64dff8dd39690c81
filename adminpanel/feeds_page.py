"""The page about the feeds: what every source says of every market, the sources and the stream above it, kept live.

The page asks for its inner part every five seconds (htmx); who may not see it any more is sent to the log-in.
"""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from adminpanel.admin.columns import NOTHING, badge
from adminpanel.feed_rows import LONGEST_QUERY, ORDERS, Row, is_found, row_of, sources_of
from feeds.losses import loss_summary
from feeds.models import Market
from feeds.price_views import price_views
from feeds.selectors import feed_status
from feeds.source_status import SourceStatus
from feeds.stream_status import StreamStatus
from trading.telegram import price_words, time_words
from trading.telegram.feed_pages import LOOKED_BACK
from vanta import clock

STATE_COLOURS = {"ok": "success", "degraded": "warning", "failed": "danger"}
CONDITION_COLOURS = {
    "ok": "success",
    "never heard": "",
    "failing": "warning",
    "paused": "warning",
    "probing": "warning",
    "open": "danger",
    "silent": "danger",
}
Facts = list[tuple[str, str]]


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """The whole page. Raises PermissionDenied where the staff member may not view markets."""
    if not _may_view(request):
        raise PermissionDenied
    context = {**admin.site.each_context(request), "title": "Feeds", **_shown(request.GET)}
    return render(request, "adminpanel/feeds.html", context)


@require_safe
@never_cache
def table(request: HttpRequest) -> HttpResponse:
    """What is kept live of it. Whoever has been logged out meanwhile is told to load the page again."""
    if not (admin.site.has_permission(request) and _may_view(request)):
        return HttpResponse(status=403, headers={"HX-Refresh": "true"})
    context = _shown(request.GET)
    address = reverse("feeds") + (f"?{urlencode(context['asked'])}" if context["asked"] else "")
    answer = render(request, "adminpanel/feeds_table.html", context)
    answer["HX-Replace-Url"] = address  # a reload shows the same
    return answer


def _may_view(request: HttpRequest) -> bool:
    return bool(request.user.has_perm("feeds.view_market"))


def _shown(asked: QueryDict) -> dict[str, Any]:
    query, order = asked.get("q", "").strip()[:LONGEST_QUERY], asked.get("sort", "")
    order = order if order in ORDERS else "market"
    only_missing = asked.get("missing") == "1"
    sources, rows = _rows()
    status, now_ms = feed_status(), clock.now_ms()
    chosen = [row for row in rows if is_found(row, query) and (row.is_missing or not only_missing)]
    known = {"q": query, "missing": "1" if only_missing else "", "sort": order if order != "market" else ""}
    return {
        "asked": {name: value for name, value in known.items() if value},
        "orders": [(name, words, name == order) for name, (words, _) in ORDERS.items()],
        "sources": sources,
        "rows": sorted(chosen, key=ORDERS[order][1]),
        "markets": len(rows),
        "missing": sum(row.is_missing for row in rows),
        "status": status,
        "state_badge": badge(status.state, STATE_COLOURS[status.state]),
        "cards": [*(_source_card(source, now_ms) for source in status.sources), *_stream_card(status.stream, now_ms)]
        if status.is_readable
        else [],
        "losses": loss_summary(LOOKED_BACK),
        "at": clock.from_ms(now_ms),
    }


def _rows() -> tuple[list[str], list[Row]]:
    """The sources, and a row for each price symbol; a base market speaks for its Upside one."""
    listed: dict[str, Market] = {}
    for market in Market.objects.filter(is_listed=True).defer("venue_params").order_by("is_upside", "pair_index"):
        listed.setdefault(market.price_symbol, market)
    views = price_views([market.symbol for market in listed.values()])
    sources, now = sources_of(views), clock.now()
    pairs = zip(listed.values(), views, strict=True)
    return sources, [row_of(market, view, sources, now) for market, view in pairs]


def _source_card(source: SourceStatus, now_ms: int) -> dict[str, Any]:
    condition = source.condition(now_ms)
    pause_ms = source.paused_until_ms - now_ms
    facts: Facts = [
        ("Circuit", source.circuit(now_ms)),
        ("Newest quote", _age(source.newest_quote_ms, now_ms)),
        ("Last success", _ago(source.last_ok_ms, now_ms)),
        ("Latency", NOTHING if source.latency_ms is None else f"{source.latency_ms} ms"),
        ("Quotes", f"{source.quotes} of {source.asked}"),
        ("Failures in a row", str(source.failures)),
        *([("Asked again in", time_words.age(pause_ms))] if pause_ms > 0 else []),
    ]
    return _card(source.name, condition, facts, source.last_error, source.last_error_ms, now_ms)


def _stream_card(stream: StreamStatus | None, now_ms: int) -> list[dict[str, Any]]:
    if stream is None:
        return [_card("price stream", "silent", [("Leader", "no streamer runs")], "", None, now_ms)]
    facts: Facts = [
        ("State", stream.state),
        ("Since", _ago(stream.since_ms or None, now_ms)),
        ("Last price", _ago(stream.last_price_ms or None, now_ms)),
        ("Markets", str(stream.markets)),
        ("Failures in a row", str(stream.failures)),
        ("Leader", stream.leader),
    ]
    condition = "ok" if stream.is_flowing(now_ms) else "silent"
    return [_card("price stream", condition, facts, stream.last_error, None, now_ms)]


def _card(name: str, condition: str, facts: Facts, error: str, error_ms: int | None, now_ms: int) -> dict[str, Any]:
    return {
        "name": name,
        "badge": badge(condition, CONDITION_COLOURS[condition]),
        "facts": facts,
        "error": error,
        "error_ago": "" if error_ms is None else _ago(error_ms, now_ms),
    }


def _ago(at_ms: int | None, now_ms: int) -> str:
    return "never" if at_ms is None else f"{time_words.age(now_ms - at_ms)} ago"


def _age(at_ms: int | None, now_ms: int) -> str:
    return NOTHING if at_ms is None else price_words.age(now_ms - at_ms)
