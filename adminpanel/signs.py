"""Signs of life for the dashboard: who is alive, what waits, whether the audit log is whole. Words and colours."""

from typing import Any

from django.conf import settings
from django.urls import reverse

from adminpanel.admin.columns import badge
from adminpanel.audit_words import of_chain
from feeds.selectors import FeedStatus, feed_status
from risk import execution_mode
from risk.models import ExecutionMode
from vanta import blockchain, heartbeat, queues
from vanta.audit_watch import last_look
from vanta.heartbeat import MAX_AGES_S
from vanta.redis import RedisDown

WORDS = {"success": "ok", "info": "busy", "warning": "look", "danger": "down"}
FEED_COLOURS = {"ok": "success", "degraded": "warning", "failed": "danger"}
NOT_KNOWN = "not known: Redis does not answer"


def signs_of_life() -> list[dict[str, Any]]:
    """All of them, whatever is down: the page is wanted most then."""
    return [*_of_redis(), _feeds(), _queues()]


def _of_redis() -> list[dict[str, Any]]:
    """What Redis remembers. It is not asked on where it is silent: each question would take its time."""
    try:
        ages = heartbeat.ages_s(list(MAX_AGES_S))
        beat_age_s, head, watch = heartbeat.beat_age_s(), blockchain.last_head(), last_look()
    except RedisDown:
        return [_sign(name, "danger", NOT_KNOWN) for name in (*MAX_AGES_S, "beat", "chain", "audit")]
    alive = [_heartbeat(name, age_s) for name, age_s in ages.items()]
    return [
        *alive,
        _beat(beat_age_s),
        _chain(head),
        _sign("audit", *of_chain(watch), reverse("admin:vanta_auditentry_changelist")),
    ]


def _heartbeat(name: str, age_s: float | None) -> dict[str, Any]:
    is_alive = age_s is not None and age_s <= MAX_AGES_S[name]
    text = "no sign of life" if age_s is None else f"seen {age_s:.1f} s ago"
    if name == "signing" and not is_alive and execution_mode.current() != ExecutionMode.LIVE:
        return _sign(name, "warning", f"{text}; only LIVE needs it")
    return _sign(name, "success" if is_alive else "danger", text)


def _beat(age_s: float | None) -> dict[str, Any]:
    if age_s is None:
        return _sign("beat", "danger", "nobody holds its lock")
    return _sign("beat", "success", f"looked at its schedule {age_s:.1f} s ago")


def _chain(head: blockchain.ChainHead | None) -> dict[str, Any]:
    if head is None:
        return _sign("chain", "warning", "never answered")
    is_young = head.age_s <= settings.BLOCK_MAX_AGE_S
    return _sign("chain", "success" if is_young else "warning", f"block {head.number}, {max(head.age_s, 0):.0f} s old")


def _feeds() -> dict[str, Any]:
    status: FeedStatus = feed_status()
    return _sign("feeds", FEED_COLOURS[status.state], status.detail, reverse("feeds"))


def _queues() -> dict[str, Any]:
    try:
        depths = queues.depths()
    except queues.BrokerDown:
        return _sign("queues", "danger", "the broker does not answer")
    waiting = [f"{name} {depth}" for name, depth in depths.items() if depth]
    is_long = max(depths.values()) > queues.ALARMING_DEPTH
    return _sign("queues", "warning" if is_long else "success", ", ".join(waiting) or "empty")


def _sign(name: str, colour: str, text: str, url: str = "") -> dict[str, Any]:
    return {"name": name, "badge": badge(WORDS[colour], colour), "text": text, "url": url}
