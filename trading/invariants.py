"""What must always hold between the books, asked of PostgreSQL in one snapshot; whatever breaks stops opening.

Each invariant is a query that answers what breaks it: nothing, as long as it holds. A breach is told once and stops
openings once; that somebody has resumed while it lasts is their decision, and the next breach stops them again.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from django.conf import settings
from django.db import connection, transaction

from risk import trading_state
from risk.trading_state import TradingState
from trading import outbox
from trading.books import INVARIANTS
from trading.models import InvariantBreach
from vanta import clock

log = structlog.get_logger(__name__)
ACTOR = "invariants"
SHOWN = 20  # of one invariant: a thousand rows say no more than twenty
MAX_DETAIL = 300


@dataclass(frozen=True, slots=True)
class Breach:
    """What breaks one invariant; `subject` names the row."""

    code: str
    subject: str
    detail: str


def breaches() -> list[Breach]:
    """Everything that breaks an invariant now, SHOWN of each at most; reads one snapshot and changes nothing."""
    found = []
    with _snapshot(), connection.cursor() as cursor:
        for invariant in INVARIANTS:
            cursor.execute(f"{invariant.query} LIMIT {SHOWN}")
            found += [Breach(invariant.code, str(subject), str(detail)[:MAX_DETAIL]) for subject, detail in cursor]
    return found


def check() -> list[Breach]:
    """Ask every invariant; tell the admins of new breaches and stop openings for them. Answers all that is broken."""
    found = breaches()
    with transaction.atomic():
        fresh = _remember(found)
        if fresh:
            _stop_openings(fresh)
            _tell(fresh)
    for breach in fresh:
        log.error("invariant_broken", code=breach.code, subject=breach.subject, detail=breach.detail)
    return found


@contextmanager
def _snapshot() -> Iterator[None]:
    """One view of all tables, so that a fill between two queries breaks nothing."""
    with transaction.atomic():
        if len(connection.atomic_blocks) == 1:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def _remember(found: Sequence[Breach]) -> list[Breach]:
    """Store what is new and end what is over; two checks at once store and tell a breach once."""
    now = clock.now()
    known = {(row.code, row.subject): row for row in InvariantBreach.objects.select_for_update().filter(ended_at=None)}
    broken = {(breach.code, breach.subject) for breach in found}
    over = [row.pk for key, row in known.items() if key not in broken]
    InvariantBreach.objects.filter(pk__in=over).update(ended_at=now)
    fresh = []
    for breach in found:
        row = {"code": breach.code, "subject": breach.subject, "ended_at": None}
        _, is_new = InvariantBreach.objects.get_or_create(**row, defaults={"detail": breach.detail, "found_at": now})
        if is_new:
            fresh.append(breach)
    return fresh


def _stop_openings(fresh: Sequence[Breach]) -> None:
    """A system that is stopped already stays as it is."""
    if trading_state.current() == TradingState.ACTIVE:
        first = fresh[0]
        reason = f"broken invariant {first.code}: {first.subject}, {first.detail}"
        trading_state.change(TradingState.REDUCING, actor=ACTOR, reason=reason)


def _tell(fresh: Sequence[Breach]) -> None:
    told = [{"code": breach.code, "subject": breach.subject, "detail": breach.detail} for breach in fresh[:SHOWN]]
    payload = {"breaches": told, "count": len(fresh)}
    with outbox.together():
        for chat_id in sorted({*settings.ADMIN_USER_IDS, *settings.SUPER_ADMIN_IDS}):
            outbox.owe(chat_id, outbox.INVARIANT_BROKEN, payload)
