"""What the admin's first page shows: how the system stands, in one look."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

from django.conf import settings
from django.db.models import Count, DecimalField, F, Min, QuerySet, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils.timesince import timesince

from adminpanel.admin.columns import SIDE_COLOURS, STATE_COLOURS, badge, link, money
from feeds.selectors import FeedStatus, feed_status
from risk import execution_mode, trading_state
from risk.models import TradingStateChange
from risk.trading_state import TradingState
from trading.models import Order, OutboxMessage, Position, TelegramUpdate, Trader
from trading.order_state import PENDING, OrderState
from vanta import blockchain, clock, heartbeat, queues
from vanta.redis import RedisDown

T = TypeVar("T")
HOUR = dt.timedelta(hours=1)
SHOWN_DENIALS = 8
HEARTBEATS = {"workers": 15, "dispatcher": 5, "streamer": 5}  # seconds after which silence is a fault
STATE_LOOKS = {
    TradingState.ACTIVE: ("success", "check_circle", "Openings and closings are accepted."),
    TradingState.REDUCING: ("warning", "trending_down", "Only what reduces risk is accepted."),
    TradingState.HALTED: ("danger", "emergency_home", "Nothing is sent to a venue."),
}


def context(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold's callback: the template's context with our figures added."""
    return {
        **context,
        "title": "Dashboard",
        "banner": _banner(),
        "figures": _figures(),
        "exposure": _exposure(),
        "states": _states_of_the_last_hour(),
        "signs": _signs_of_life(),
        "denials": _last_denials(),
        "flower_url": settings.FLOWER_URL,
    }


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
    unknown = Order.objects.filter(state=OrderState.UNKNOWN).count()
    resting = Order.objects.filter(state=OrderState.RESTING).count()
    under_way = Order.objects.filter(state__in=PENDING - {OrderState.RESTING}).count()
    return [
        _figure("Traders", Trader.objects.filter(is_active=True).count(), reverse("admin:trading_trader_changelist")),
        _figure("Positions", _open_positions().count(), f"{positions}?status__exact=open"),
        _figure("Under way", under_way, orders, note="orders"),
        _figure("Resting", resting, f"{orders}?state__exact=RESTING", note="until their price"),
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


def _open_positions() -> QuerySet[Position]:
    return Position.objects.filter(status=Position.Status.OPEN)


def _exposure() -> dict[str, Any]:
    notional = Sum(F("collateral_usd") * F("leverage"), output_field=DecimalField(max_digits=34, decimal_places=10))
    rows = (
        _open_positions()
        .values("market__symbol", "side", "mode")
        .annotate(positions=Count("pk"), collateral=Sum("collateral_usd"), notional=notional)
        .order_by("-notional")
    )
    return {
        "headers": ["market", "side", "mode", "positions", "collateral", "notional"],
        "rows": [
            [
                row["market__symbol"],
                badge(row["side"], SIDE_COLOURS.get(row["side"], "")),
                row["mode"],
                row["positions"],
                money(row["collateral"]),
                money(Decimal(row["notional"])),
            ]
            for row in rows
        ],
    }


def _states_of_the_last_hour() -> list[dict[str, Any]]:
    counts = dict(
        Order.objects.filter(created_at__gte=clock.now() - HOUR)
        .values_list("state")
        .annotate(count=Count("pk"))
        .values_list("state", "count")
    )
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


def _signs_of_life() -> list[dict[str, Any]]:
    return [*(_heartbeat(name, limit_s) for name, limit_s in HEARTBEATS.items()), _feeds(), _queues(), _chain()]


def _heartbeat(name: str, limit_s: int) -> dict[str, Any]:
    age_s = _asked(lambda: heartbeat.age_s(name))
    if age_s is None:
        return _sign(name, "danger", "no sign of life")
    return _sign(name, "success" if age_s <= limit_s else "danger", f"seen {age_s:.1f} s ago")


def _feeds() -> dict[str, Any]:
    status: FeedStatus = feed_status()
    colours = {"ok": "success", "degraded": "warning", "failed": "danger"}
    return _sign("feeds", colours[status.state], status.detail)


def _queues() -> dict[str, Any]:
    try:
        depths = queues.depths()
    except queues.BrokerDown:
        return _sign("queues", "danger", "the broker does not answer")
    waiting = [f"{name} {depth}" for name, depth in depths.items() if depth]
    return _sign("queues", "success", ", ".join(waiting) or "empty")


def _chain() -> dict[str, Any]:
    head = _asked(blockchain.last_head)
    if head is None:
        return _sign("chain", "warning", "never answered")
    is_young = head.age_s <= settings.BLOCK_MAX_AGE_S
    return _sign("chain", "success" if is_young else "warning", f"block {head.number}, {max(head.age_s, 0):.0f} s old")


def _sign(name: str, colour: str, text: str) -> dict[str, Any]:
    words = {"success": "ok", "warning": "look", "danger": "down"}
    return {"name": name, "badge": badge(words[colour], colour), "text": text}


def _asked(question: Callable[[], T]) -> T | None:
    """The answer, or None where Redis is down: the page is wanted most when things are."""
    try:
        return question()
    except RedisDown:
        return None


def _last_denials() -> dict[str, Any]:
    orders = Order.objects.filter(state=OrderState.DENIED).select_related("trader", "market")
    rows = [
        [
            link(order, f"#{order.pk}"),
            f"{order.created_at:%m-%d %H:%M:%S}",
            link(order.trader),
            f"{order.side} {order.market}",
            ", ".join(str(denial.get("code", "")).replace("_", " ") for denial in order.decision.get("denials", []))
            or order.reason,
        ]
        for order in orders.order_by("-pk")[:SHOWN_DENIALS]
    ]
    return {"headers": ["order", "when", "trader", "wish", "because of"], "rows": rows}
