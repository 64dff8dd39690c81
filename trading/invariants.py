"""What must always hold between the books, asked of PostgreSQL in one snapshot; whatever breaks stops opening.

Each invariant is a query that answers what breaks it: nothing, as long as it holds. A breach stops openings once, and
its row is what the admins are told from; that somebody has resumed while it lasts is their decision, and the next
breach stops them again.

What was written since a clean look is asked each minute, everything once a day and while something is broken.
"""

import contextlib
import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from risk import trading_state
from risk.trading_state import TradingState, WouldLoosen
from trading.books import GROWING, INVARIANTS
from trading.models import InvariantBreach, InvariantLook
from vanta import clock

log = structlog.get_logger(__name__)
ACTOR = "invariants"
SHOWN = 20  # of one invariant: a thousand rows say no more than twenty
MAX_DETAIL = 300
OVERLAP = dt.timedelta(minutes=5)  # longer than any transaction, and than a paper execution may stay unbooked
WHOLE_EVERY = dt.timedelta(hours=24)
KEPT = dt.timedelta(hours=48)
Newest = dict[str, int]  # the highest id of each growing table


@dataclass(frozen=True, slots=True)
class Breach:
    """What breaks one invariant; `subject` names the row."""

    code: str
    subject: str
    detail: str


def breaches(since: Newest | None = None) -> list[Breach]:
    """What breaks an invariant now, SHOWN of each at most, among what was written since, or at all."""
    return _look(since)[0]


def check() -> list[Breach]:
    """Ask every invariant; store new breaches and stop openings for them. Answers all that is broken."""
    since = _last_clean()
    found, newest = _look(since)
    with transaction.atomic():
        InvariantLook.objects.create(is_whole=since is None, is_clean=not found, newest=newest)
        InvariantLook.objects.filter(at__lt=clock.now() - KEPT).delete()
        fresh = _remember(found)
        if fresh:
            _stop_openings(fresh)
    for breach in fresh:
        log.error("invariant_broken", code=breach.code, subject=breach.subject, detail=breach.detail)
    return found


def _look(since: Newest | None) -> tuple[list[Breach], Newest]:
    """What is broken, and the newest rows that were seen; reads one snapshot and changes nothing."""
    found = []
    with _snapshot(), connection.cursor() as cursor:
        newest = {table: _newest(cursor, table) for table in GROWING}
        for invariant in INVARIANTS:
            query = invariant.whole if since is None else invariant.narrowed
            # Materialized, as a limit has the planner look for a first row that is not there.
            cursor.execute(f"WITH found AS MATERIALIZED ({query}) SELECT * FROM found LIMIT {SHOWN}", since)  # noqa: S608
            found += [Breach(invariant.code, str(subject), str(detail)[:MAX_DETAIL]) for subject, detail in cursor]
    return found, newest


def _newest(cursor: CursorWrapper, table: str) -> int:
    cursor.execute(f"SELECT coalesce(max(id), 0) FROM trading_{table}")  # noqa: S608
    return int(cursor.fetchone()[0])


def _last_clean() -> Newest | None:
    """From where on to look; None where everything is due.

    Rows are not committed in the order of their ids: what the last clean look OVERLAP ago had seen is surely over.
    While something is broken everything is looked at, so that a breach of an old row ends when it does.
    """
    now = clock.now()
    lately = InvariantLook.objects.filter(at__gt=now - WHOLE_EVERY)
    if not lately.filter(is_whole=True).exists() or InvariantBreach.objects.filter(ended_at=None).exists():
        return None
    clean = lately.filter(is_clean=True, at__lte=now - OVERLAP).order_by("-at").first()
    return clean.newest if clean is not None and set(clean.newest) == set(GROWING) else None


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
        with contextlib.suppress(WouldLoosen):  # somebody has halted in between
            trading_state.change(TradingState.REDUCING, actor=ACTOR, reason=reason, only_stricter=True)
