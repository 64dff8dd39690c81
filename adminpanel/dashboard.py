"""The admin's first page: how the system stands, in one look, kept live.

The page asks for its inner part every few seconds (htmx). It reads a part at a time, each within READ_MS: what takes
longer is said not to be readable, and the others are shown.
"""

import datetime as dt
from collections.abc import Callable
from typing import Any, TypeVar

import structlog
from django.conf import settings
from django.contrib import admin
from django.db import OperationalError, connection, transaction
from django.db.models import Count, Min, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.timesince import timesince
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from adminpanel.admin.columns import STATE_COLOURS, badge, link
from adminpanel.money_cards import money_cards
from adminpanel.open_alerts import open_alerts
from adminpanel.signs import signs_of_life
from adminpanel.site import DASHBOARD
from risk import execution_mode, trading_state
from risk.models import TradingStateChange
from risk.trading_state import TradingState
from trading.models import Order, OutboxMessage, Position, TelegramUpdate, Trader
from trading.order_state import PENDING, OrderState
from vanta import clock

log = structlog.get_logger(__name__)
T = TypeVar("T")
READ_MS = 1500
HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)
SHOWN_DENIALS = 8
STATE_LOOKS = {
    TradingState.ACTIVE: ("success", "check_circle", "Openings and closings are accepted."),
    TradingState.REDUCING: ("warning", "trending_down", "Only what reduces risk is accepted."),
    TradingState.HALTED: ("danger", "emergency_home", "Nothing is sent to a venue."),
}


def context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold's callback: the template's context with our figures added."""
    return {**context, "title": "Dashboard", **_shown()}


@require_safe
@never_cache
def live(request: HttpRequest) -> HttpResponse:
    """What is kept live of it. Whoever has been logged out meanwhile is told to load the page again."""
    if not (admin.site.has_permission(request) and request.user.has_perm(DASHBOARD)):
        return HttpResponse(status=403, headers={"HX-Refresh": "true"})
    return render(request, "admin/index.html", {"parent": "adminpanel/inner.html", **_shown()})


def _shown() -> dict[str, Any]:
    return {
        "at": clock.now(),
        "banner": _banner(),
        "alerts": _read(open_alerts),
        "figures": _read(_figures),
        "states": _read(_states_of_the_last_hour),
        "signs": _read(signs_of_life),
        "money": _read(money_cards),
        "denials": _read(_last_denials),
        "flower_url": settings.FLOWER_URL,
    }


def _read(part: Callable[[], T]) -> T | None:
    """None where PostgreSQL was too slow for it."""
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(READ_MS)])
            return part()
    except OperationalError as error:
        log.warning("dashboard_part_unread", part=part.__name__, error=type(error.__cause__ or error).__name__)
        return None


def _banner() -> dict[str, Any]:
    state = trading_state.current()
    colour, icon, meaning = STATE_LOOKS[state]
    last = TradingStateChange.objects.first()
    return {
        "state": state.value,
        "mode": execution_mode.current().value,
        "colour": colour,
        "icon": icon,
        "meaning": meaning,
        "since": last and last.created_at,
        "actor": last and last.actor,
        "reason": last and last.reason,
    }


def _figures() -> list[dict[str, Any]]:
    orders, positions = reverse("admin:trading_order_changelist"), reverse("admin:trading_position_changelist")
    messages, updates = (reverse(f"admin:trading_{name}_changelist") for name in ("outboxmessage", "telegramupdate"))
    outbox = OutboxMessage.objects.filter(status="pending").aggregate(waiting=Count("pk"), since=Min("created_at"))
    inbox = TelegramUpdate.objects.filter(status="new").aggregate(waiting=Count("pk"), since=Min("received_at"))
    pending = Order.objects.filter(state__in=PENDING).aggregate(
        unknown=Count("pk", filter=Q(state=OrderState.UNKNOWN)),
        resting=Count("pk", filter=Q(state=OrderState.RESTING)),
        under_way=Count("pk", filter=~Q(state=OrderState.RESTING)),
    )
    unknown = pending["unknown"]
    held = Position.objects.filter(status=Position.Status.OPEN).count()
    return [
        _figure("Traders", Trader.objects.filter(is_active=True).count(), reverse("admin:trading_trader_changelist")),
        _figure("Positions", held, f"{positions}?status__exact=open"),
        _figure("Under way", pending["under_way"], orders, note="orders"),
        _figure("Resting", pending["resting"], f"{orders}?state__exact=RESTING", note="until their price"),
        _figure("Unknown", unknown, f"{orders}?state__exact=UNKNOWN", note="orders", is_alarming=bool(unknown)),
        _waiting("Outbox", outbox, f"{messages}?status__exact=pending"),
        _waiting("Inbox", inbox, f"{updates}?status__exact=new"),
    ]


def _figure(title: str, value: object, url: str, *, note: str = "", is_alarming: bool = False) -> dict[str, Any]:
    return {"title": title, "value": value, "url": url, "note": note, "is_alarming": is_alarming}


def _waiting(title: str, rows: dict[str, Any], url: str) -> dict[str, Any]:
    since = rows["since"]
    note = f"oldest for {timesince(since, clock.now())}" if since else "none waits"
    is_alarming = since is not None and clock.now() - since > dt.timedelta(minutes=1)
    return _figure(title, rows["waiting"], url, note=note, is_alarming=is_alarming)


def _states_of_the_last_hour() -> list[dict[str, Any]]:
    """Of orders that were decided then."""
    decided = Order.objects.filter(decided_at__gte=clock.now() - HOUR)
    counts = dict(decided.values_list("state").annotate(count=Count("pk")).order_by())
    address = reverse("admin:trading_order_changelist")
    return [
        {
            "badge": badge(state.replace("_", " "), STATE_COLOURS[state]),
            "count": counts[state],
            "url": f"{address}?state__exact={state}",
        }
        for state in OrderState
        if state in counts
    ]


def _last_denials() -> list[dict[str, Any]]:
    denied = Order.objects.filter(state=OrderState.DENIED, decided_at__gte=clock.now() - DAY)
    return [
        {
            "order": link(order, f"#{order.pk}"),
            "at": order.decided_at,
            "trader": link(order.trader),
            "wish": f"{order.side} {order.market}",
            "mode": order.mode,
            "why": _why(order),
        }
        for order in denied.select_related("trader", "market").order_by("-decided_at")[:SHOWN_DENIALS]
    ]


def _why(order: Order) -> str:
    codes = [str(denial.get("code", "")) for denial in order.decision.get("denials", [])]
    return (", ".join(codes) or order.reason).replace("_", " ")
