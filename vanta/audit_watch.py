"""A standing look at the audit log: a part of its chain each minute, so that whatever is changed in it is soon seen.

What was appended since the last look is walked first, then the next part of a round over the whole chain. How far it
came is kept in Redis, outside the database whose rows are doubted; without it the walk begins anew.
"""

import datetime as dt
import json
from dataclasses import dataclass, replace

import structlog

from vanta import audit, clock, redis
from vanta.audit import AuditReport, Head
from vanta.models import AuditEntry

log = structlog.get_logger(__name__)
KEY = "vanta:audit:watch"
PART = 5000  # entries of one look, for each of its two walks; 0.3 s or so
LATE_S = 200  # three looks are missing


@dataclass(frozen=True, slots=True)
class Watch:
    """The last look. `tail` is the newest entry that was walked, `lap` how far the present round is; as `SEQ:HMAC`.

    `whole_at_ms` is when the last round over all `count` entries ended, 0 before the first has.
    """

    at_ms: int = 0
    tail: str = ""
    lap: str = ""
    whole_at_ms: int = 0
    count: int = 0
    broken_seq: int = 0
    problem: str = ""

    @property
    def age_s(self) -> float:
        return max(0, clock.now_ms() - self.at_ms) / 1000

    @property
    def is_late(self) -> bool:
        return self.age_s > LATE_S

    @property
    def walked(self) -> int:
        """How many entries were found right since the walk began."""
        return Head.parse(self.tail).seq if self.tail else 0

    @property
    def whole_at(self) -> dt.datetime | None:
        return clock.from_ms(self.whole_at_ms) if self.whole_at_ms else None


def last_look() -> Watch | None:
    """None where nobody has looked since Redis was emptied. Raises RedisDown."""
    text = redis.client().get(KEY)
    try:
        return Watch(**json.loads(str(text))) if text else None
    except (ValueError, TypeError):
        return None  # of another version, or written by somebody else: the walk begins anew


def look() -> Watch:
    """Walk on, and keep how far. What was found broken is walked again each time. Raises RedisDown."""
    before = last_look() or Watch()
    kept = audit.kept_head()
    count = AuditEntry.objects.order_by("-seq").values_list("seq", flat=True).first() or 0
    found = replace(before, at_ms=clock.now_ms(), count=count, broken_seq=0, problem="")
    if kept and not audit.holds(kept):
        found = replace(
            found, broken_seq=min(kept.seq, count + 1), problem="rewritten" if kept.seq <= count else "cut_off"
        )
    else:
        found = _on_the_lap(_at_the_tail(found))
    if found.problem:
        log.error("audit_log_broken", seq=found.broken_seq, problem=found.problem)
    redis.client().set(KEY, json.dumps({name: getattr(found, name) for name in Watch.__dataclass_fields__}))
    return found


def forget() -> None:
    """Let the walk begin anew, as after a dump was restored. Raises RedisDown."""
    redis.client().delete(KEY)


def _at_the_tail(watch: Watch) -> Watch:
    """What is newer than the last look; from the first entry on at the first one."""
    report = _walk(watch.tail)
    if not report.intact:
        return _broken(watch, report)
    watch = replace(watch, tail=str(report.head or watch.tail))
    is_first_round_over = not watch.whole_at_ms and report.count < PART
    return replace(watch, whole_at_ms=watch.at_ms) if is_first_round_over else watch


def _on_the_lap(watch: Watch) -> Watch:
    """The next part of all, once all was walked for the first time."""
    if watch.problem or not watch.whole_at_ms:
        return watch
    report = _walk(watch.lap)
    if not report.intact:
        return _broken(watch, report)
    if report.count < PART:
        return replace(watch, lap="", whole_at_ms=watch.at_ms)
    return replace(watch, lap=str(report.head))


def _walk(after: str) -> AuditReport:
    return audit.verify_after(Head.parse(after) if after else None, PART)


def _broken(watch: Watch, report: AuditReport) -> Watch:
    return replace(watch, broken_seq=report.broken_seq or 0, problem=report.problem)
