"""Raising an alarm about the venue: once for a subject; the admin panel tells the admins."""

from collections.abc import Sequence

import structlog

from trading.models import VenueAlarm
from vanta import tracing

log = structlog.get_logger(__name__)
Kind = VenueAlarm.Kind
LONGEST_DETAIL = 300


def raise_alarm(kind: VenueAlarm.Kind, subject: str, detail: str = "") -> bool:
    """Whether this is news: the same alarm about the same subject is raised once, until it is lifted."""
    alarm = VenueAlarm(kind=kind, subject=subject, detail=detail[:LONGEST_DETAIL], trace_id=tracing.current_trace_id())
    if VenueAlarm.objects.filter(kind=kind, subject=subject).exists():
        return False
    VenueAlarm.objects.bulk_create([alarm], ignore_conflicts=True)
    log.error("venue_alarm", kind=str(kind), subject=subject, detail=detail[:LONGEST_DETAIL])
    return True


def lift(kind: VenueAlarm.Kind, subject: str) -> None:
    """It is over: the next time is news again."""
    lift_all(kind, [subject])


def lift_all(kind: VenueAlarm.Kind, subjects: Sequence[str]) -> None:
    """The same of several subjects, in one statement."""
    if subjects:
        VenueAlarm.objects.filter(kind=kind, subject__in=subjects).delete()
