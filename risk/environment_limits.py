"""The limits that this process has from its environment, against what was acknowledged of them.

Every process is asked at every decision, whatever it was told at its start: see `trading_state.current`.
"""

from collections.abc import Mapping
from decimal import Decimal

from django.conf import settings

from risk.loosening import STATED_NAMES, Loosened, loosened, plain
from risk.models import EnvironmentLimits

Kind = EnvironmentLimits.Kind


def stated() -> dict[str, str]:
    """What the settings of this process say, by name, as it is stored."""
    return {name: plain(getattr(settings, name.upper())) for name in STATED_NAMES}


def compared(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Loosened, ...]:
    """What is looser in `after`, both as they are stored."""
    return () if before == after else loosened(_numbers(before), _numbers(after))


def acknowledged() -> EnvironmentLimits | None:
    """What holds: the first limits ever, or tighter or acknowledged ones since; None before the first start."""
    return EnvironmentLimits.objects.exclude(kind=Kind.LOOSER).order_by("-id").first()


def unacknowledged() -> EnvironmentLimits | None:
    """Looser limits that a process started with and nobody has acknowledged; None where there are none."""
    last = EnvironmentLimits.objects.order_by("-id").first()
    return last if last is not None and last.kind == Kind.LOOSER else None


def loosened_by(row: EnvironmentLimits) -> tuple[Loosened, ...]:
    """What is looser in a row than in what holds now."""
    known = acknowledged()
    return () if known is None else compared(known.limits, row.limits)


def _numbers(limits: Mapping[str, str]) -> dict[str, Decimal]:
    return {name: Decimal(value) for name, value in limits.items()}
