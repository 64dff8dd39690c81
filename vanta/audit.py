"""The audit log: entries chained by HMAC, so that no edited, inserted, deleted or cut-off row goes unseen.

The key is outside the database. The chain's head is kept outside too, as what is missing at the end leaves no gap: in a
log line of every entry and, as far as Redis is there, in Redis.
"""

import datetime as dt
import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet

from vanta import clock, redis
from vanta.errors import VantaError
from vanta.models import AuditEntry
from vanta.tracing import bind_trace, current_trace_id

log = structlog.get_logger(__name__)
LOCK = 0x76616E7461_01  # of pg_advisory_xact_lock, this log's own
HEAD_KEY = "vanta:audit:head"
_waiting: ContextVar[list[tuple[str, dict[str, Any]]] | None] = ContextVar("audit_waiting", default=None)


class AuditOutsideTransaction(VantaError):
    """An audit entry belongs into the transaction of the change that it records."""

    code = "audit_outside_transaction"


@dataclass(frozen=True, slots=True)
class Head:
    """The last entry, as it is kept outside the database; written `SEQ:HMAC`."""

    seq: int
    hmac: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.hmac}"

    @classmethod
    def parse(cls, text: str) -> "Head":
        """Raises ValueError for what is not `SEQ:HMAC`."""
        seq, _, digest = text.strip().partition(":")
        return cls(int(seq), digest)


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What `verify` found: the whole chain's length and head, or the first sequence number that is wrong, and how."""

    count: int
    head: Head | None
    broken_seq: int | None = None
    problem: str = ""

    @property
    def intact(self) -> bool:
        return self.broken_seq is None


def append(
    *,
    actor: str,
    action: str,
    subject: str,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
) -> AuditEntry:
    """Record a change in its own transaction; call it last there: it holds the log's lock until the commit.

    `before` and `after` may hold Decimals, times and enums; they are kept as text. Raises AuditOutsideTransaction.
    """
    if not connection.in_atomic_block:
        raise AuditOutsideTransaction(action=action, subject=subject)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
    previous = AuditEntry.objects.order_by("-seq").values_list("seq", "hmac").first() or (0, "")
    entry = AuditEntry(
        seq=previous[0] + 1,
        created_at=clock.now(),
        actor=_plain(actor),
        action=action,
        subject=_plain(subject),
        before=_plain(before),
        after=_plain(after),
        reason=_plain(reason),
        trace_id=current_trace_id(),
        previous_hmac=previous[1],
    )
    entry.hmac = _digest(entry)
    entry.save(force_insert=True)
    transaction.on_commit(partial(_keep_head, Head(entry.seq, entry.hmac), action))
    return entry


@contextmanager
def together() -> Iterator[None]:
    """Append what `append_last` is given inside the block at its end, which has to be that of the transaction."""
    waiting: list[tuple[str, dict[str, Any]]] = []
    token = _waiting.set(waiting)
    try:
        yield
    finally:
        _waiting.reset(token)
    for trace_id, entry in waiting:
        with bind_trace(trace_id):
            append(**entry)


def append_last(**entry: Any) -> None:
    """As `append`, where the transaction goes on: within `together` the log's lock is taken at its end, and no other
    lock is waited for under it.
    """
    waiting = _waiting.get()
    if waiting is None:
        append(**entry)
    else:
        waiting.append((current_trace_id(), entry))


def verify(head: Head | None = None) -> AuditReport:
    """Walk the whole chain. `head` is one that was kept outside, in a log line; that in Redis is compared as well."""
    return _walk(AuditEntry.objects.all(), [kept for kept in (head, kept_head()) if kept is not None])


def verify_in(alias: str) -> AuditReport:
    """The same of another database, as of a restored dump: what was appended since is nowhere missed."""
    return _walk(AuditEntry.objects.using(alias), [])


def verify_after(head: Head | None, limit: int) -> AuditReport:
    """Walk at most `limit` entries after `head`, which an earlier walk found; from the first one on without.

    `count` and `head` of the report are of this walk: nothing is left where `count` is below the limit.
    """
    last = head or Head(0, "")
    if head and not holds(head):
        return AuditReport(0, None, head.seq, "rewritten")
    return _walk(AuditEntry.objects.filter(seq__gt=last.seq, seq__lte=last.seq + limit), [], last)


def holds(head: Head) -> bool:
    """Whether this entry is in the chain as it was."""
    return AuditEntry.objects.filter(seq=head.seq, hmac=head.hmac).exists()


def _walk(entries: QuerySet[AuditEntry], hmacs_wanted: Sequence[Head], last: Head = Head(0, "")) -> AuditReport:
    count = 0
    found: set[Head] = set()
    for entry in entries.order_by("seq").iterator(chunk_size=1000):
        problem = _problem(entry, last)
        if problem:
            # a missing row is named by its own number, a wrong one by its own
            broken = last.seq + 1 if problem == "deleted" else entry.seq
            return AuditReport(count, last if count else None, broken, problem)
        count, last = count + 1, Head(entry.seq, entry.hmac)
        if last in hmacs_wanted:
            found.add(last)
    missing = [kept for kept in hmacs_wanted if kept not in found]
    if missing:
        seq = min(kept.seq for kept in missing)
        return AuditReport(count, last, min(seq, last.seq + 1), "cut_off" if seq > last.seq else "rewritten")
    return AuditReport(count, last if count else None)


def kept_head() -> Head | None:
    """The head that Redis holds; None where it holds none or cannot be asked."""
    try:
        text = redis.client().get(HEAD_KEY)
    except redis.RedisDown:
        return None  # the log lines still have it; verify says which heads it knew
    try:
        return Head.parse(str(text)) if text else None
    except ValueError:
        return Head(1, str(text))  # somebody wrote nonsense there: let the comparison fail


def _keep_head(head: Head, action: str) -> None:
    log.info("audit_entry_appended", audit_head=str(head), action=action)
    try:
        redis.client().set(HEAD_KEY, str(head))
    except redis.RedisDown as error:
        log.warning("audit_head_not_kept", seq=head.seq, error=type(error).__name__)


def _problem(entry: AuditEntry, last: Head) -> str:
    if entry.seq != last.seq + 1:
        return "deleted"
    if not hmac.compare_digest(entry.hmac, _digest(entry)):
        return "forged"  # edited, or inserted, by someone without the key
    return "" if entry.previous_hmac == last.hmac else "rewritten"


def _digest(entry: AuditEntry) -> str:
    content = [
        entry.previous_hmac,
        entry.seq,
        entry.created_at.astimezone(dt.UTC).isoformat(timespec="microseconds"),
        entry.actor,
        entry.action,
        entry.subject,
        entry.before,
        entry.after,
        entry.reason,
        entry.trace_id,
    ]
    message = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hmac.digest(settings.AUDIT_HMAC_KEY.encode(), message.encode(), "sha256").hex()


def _plain(value: Any) -> Any:
    """What comes back from the database exactly as it went in: text, whole numbers, and lists and objects of them."""
    if value is None or isinstance(value, bool) or type(value) is int:
        return value
    if isinstance(value, Mapping):
        return {_plain(str(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [_plain(item) for item in value]
    # PostgreSQL refuses NUL, UTF-8 lone surrogates; both can come in a Telegram message
    return str(value).replace("\0", "\ufffd").encode("utf-8", "replace").decode()
