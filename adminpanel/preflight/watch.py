"""The first orders with real money, one by one: how they ended, how far from paper, whether the books agree."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import transaction

from risk.models import ExecutionMode, ExecutionModeChange
from trading.models import Delegate, InvariantBreach, Order, Receipt, ShadowFill, Trader, VenueAlarm
from trading.models.loading import with_market
from trading.models.traders import Mode
from trading.order_state import TERMINAL, OrderState
from vanta import audit
from vanta.models import AuditEntry

WATCHED = "golive.watched"
SETTLED = TERMINAL | {OrderState.RESTING}


@dataclass(frozen=True, slots=True)
class Seen:
    """One order; `gap_rate` is how much worse its fill was than paper's, None where there is nothing to compare."""

    order: Order
    gap_rate: Decimal | None

    @property
    def is_settled(self) -> bool:
        return self.order.state in SETTLED

    def as_json(self) -> dict[str, Any]:
        """For programs and the audit log."""
        gap = None if self.gap_rate is None else str(self.gap_rate)
        return {"order": self.order.pk, "kind": self.order.kind, "state": self.order.state, "gap_rate": gap}


@dataclass(frozen=True, slots=True)
class Look:
    """The first orders since LIVE was switched on. `trouble` stops openings; `disputes` only keep the watch going."""

    since: dt.datetime
    orders: Sequence[Seen]
    trouble: str
    disputes: Sequence[str]

    def is_over(self, wanted: int) -> bool:
        """Whether enough orders have come to an end, one of them in a fill, and nothing is open about the books."""
        settled = [seen for seen in self.orders if seen.is_settled]
        is_filled = any(seen.order.state == OrderState.FILLED for seen in settled)
        return len(settled) >= wanted and is_filled and not self.trouble and not self.disputes


def live_since() -> dt.datetime | None:
    """When LIVE was switched on; None while the system is DRY."""
    last = ExecutionModeChange.objects.order_by("-id").first()
    return last.created_at if last is not None and last.mode == ExecutionMode.LIVE else None


def look(since: dt.datetime, wanted: int) -> Look:
    """Reads only."""
    orders = Order.objects.filter(mode=Mode.LIVE, decided_at__gte=since)
    sent = orders.exclude(state__in=[OrderState.DRAFT, OrderState.DENIED]).order_by("decided_at", "pk")
    first = list(with_market(sent, "trader")[:wanted])
    shadows = ShadowFill.objects.filter(fill__order__in=first).values_list("fill__order", "gap_rate")
    gaps: dict[int, Decimal] = dict(shadows)
    return Look(since, [Seen(order, gaps.get(order.pk)) for order in first], _trouble(), _disputes())


def _trouble() -> str:
    """Why nothing more should be opened; empty where nothing is wrong."""
    breach = InvariantBreach.objects.filter(ended_at=None).order_by("pk").first()
    if breach is not None:
        return f"an invariant is broken: {breach.code}, {breach.subject}"
    unknown = Order.objects.filter(mode=Mode.LIVE, state=OrderState.UNKNOWN).order_by("pk").first()
    return f"order {unknown.pk} is UNKNOWN" if unknown is not None else ""


def _disputes() -> list[str]:
    """What reconciliation has found and nobody has settled."""
    counts = {
        "traders whose books the venue disputes": Trader.objects.filter(disputed_since__isnull=False).count(),
        "wallets that the chain disputes": Delegate.objects.filter(funds_disputed_since__isnull=False).count(),
        "fills that the chain contradicts": Receipt.contradicted().count(),
        "venue alarms": VenueAlarm.objects.count(),
    }
    return [f"{count} {what}" for what, count in counts.items() if count]


@transaction.atomic
def record(found: Look, *, actor: str) -> None:
    """Write down that the first orders were watched to their end."""
    after = {"since": found.since, "orders": [seen.as_json() for seen in found.orders]}
    audit.append(actor=actor, action=WATCHED, subject="execution_mode", after=after)


def was_watched(since: dt.datetime) -> bool:
    """Whether that was done since LIVE was switched on."""
    return AuditEntry.objects.filter(action=WATCHED, created_at__gte=since).exists()
