"""Why the system may not be switched to LIVE now. The form asks here, before it uses up a code."""

from django.db.models import Count

from adminpanel.preflight.gate import live_blockers
from risk import environment_limits, trading_state
from risk.trading_state import TradingState
from trading.models import InvariantBreach, VenueAlarm
from trading.services.decisions import venue_refuses


def reasons_against() -> list[str]:
    """What has to be mended first, each in a sentence; nothing where LIVE may be switched on."""
    return [*_state(), *_limits(), *_books(), *_venue(), *live_blockers()]


def _state() -> list[str]:
    halted = trading_state.current() is TradingState.HALTED
    return ["Trading is halted: resume it first, winding down at least."] if halted else []


def _limits() -> list[str]:
    waiting = environment_limits.unacknowledged()
    return ["The environment has looser limits that nobody has acknowledged."] if waiting else []


def _books() -> list[str]:
    rows = InvariantBreach.objects.filter(ended_at=None).values("code").annotate(count=Count("pk")).order_by("code")
    return [f"The books break an invariant: {row['code']} ({row['count']})." for row in rows]


def _venue() -> list[str]:
    kinds = VenueAlarm.objects.values_list("kind", flat=True).distinct().order_by("kind")
    alarms = [f"A venue alarm lasts: {VenueAlarm.Kind(kind).label}." for kind in kinds]
    return [*alarms, *(["The venue has refused the last LIVE orders."] if venue_refuses() else [])]
