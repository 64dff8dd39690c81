"""What is wrong now and has not ended, from every table that remembers such things; a few of each, all counted."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Count, Min
from django.urls import reverse

from adminpanel.admin.breaches import RULES
from adminpanel.models import Alert
from feeds.models import ConsensusLoss
from trading.models import InvariantBreach, VenueAlarm
from trading.telegram import time_words
from vanta import audit_watch, clock
from vanta.redis import RedisDown

SHOWN = 5  # of each kind
NAMED = 5  # markets without a price


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """One thing that is wrong, and where to read more of it."""

    what: str
    about: str
    detail: str
    since: dt.datetime | None
    url: str

    @property
    def lasts(self) -> str:
        """For how long it has been so."""
        return time_words.age(round((clock.now() - self.since).total_seconds() * 1000)) if self.since else ""


@dataclass(frozen=True, slots=True)
class OpenAlerts:
    """Those that are shown, the newest first of each kind, and how many there are in all."""

    shown: tuple[OpenAlert, ...]
    count: int

    @property
    def hidden(self) -> int:
        return self.count - len(self.shown)


def open_alerts() -> OpenAlerts:
    """At most three statements and two questions to Redis, each for a few rows."""
    breaches = InvariantBreach.objects.filter(ended_at=None).order_by("-found_at")
    alarms = VenueAlarm.objects.order_by("-at")
    alerts = Alert.objects.filter(ended_at=None).order_by("-began_at")
    shown = [
        *_audit(),
        *(_of_breach(breach) for breach in breaches[:SHOWN]),
        *(_of_alarm(alarm) for alarm in alarms[:SHOWN]),
        *(_of_alert(alert) for alert in alerts[:SHOWN]),
        *_losses(),
    ]
    beyond = sum(max(0, rows.count() - SHOWN) for rows in (breaches, alarms, alerts))
    return OpenAlerts(tuple(shown), len(shown) + beyond)


def _of_breach(breach: InvariantBreach) -> OpenAlert:
    rule = RULES.get(breach.code, breach.code)
    url = reverse("admin:trading_invariantbreach_change", args=[breach.pk])
    return OpenAlert("Broken invariant", breach.subject, f"{rule} {breach.detail}", breach.found_at, url)


def _of_alarm(alarm: VenueAlarm) -> OpenAlert:
    url = reverse("admin:trading_venuealarm_change", args=[alarm.pk])
    detail = f"{alarm.get_kind_display()}: {alarm.detail}" if alarm.detail else alarm.get_kind_display()
    return OpenAlert("Venue", alarm.subject, detail, alarm.at, url)


def _of_alert(alert: Alert) -> OpenAlert:
    url = reverse("admin:adminpanel_alert_change", args=[alert.pk])
    return OpenAlert("Alert", alert.get_kind_display(), alert.detail, alert.began_at, url)


def _losses() -> Iterator[OpenAlert]:
    """All markets without a price are one: they mostly lose it together."""
    lost = ConsensusLoss.objects.filter(ended_at=None)
    figures = lost.aggregate(count=Count("pk"), since=Min("began_at"))
    if not figures["count"]:
        return
    names = list(lost.order_by("began_at").values_list("price_symbol", flat=True)[:NAMED])
    more = f" and {figures['count'] - NAMED} more" if figures["count"] > NAMED else ""
    about = "1 market" if figures["count"] == 1 else f"{figures['count']} markets"
    yield OpenAlert("No price", about, ", ".join(names) + more, figures["since"], reverse("feeds"))


def _audit() -> Iterator[OpenAlert]:
    try:
        watch = audit_watch.last_look()
    except RedisDown:
        return  # the signs of life say so
    if watch and watch.problem:
        detail = f"entry {watch.broken_seq}: {watch.problem.replace('_', ' ')}. manage.py verify_audit says the same"
        yield OpenAlert("Audit log", "the chain is broken", detail, None, reverse("admin:vanta_auditentry_changelist"))
