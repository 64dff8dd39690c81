"""What a process says of its limits when it starts, and what a super admin answers.

The first start ever records them. Tighter ones hold from then on. Looser ones stop openings until they are
acknowledged. Of several that start at once with the same limits one records them.
"""

from contextlib import suppress

import structlog
from django.db import DatabaseError, connection, transaction

from risk import environment_limits, trading_state
from risk.environment_limits import Kind
from risk.loosening import Loosened
from risk.models import EnvironmentLimits
from risk.trading_state import ReasonMissing, TradingState, WouldLoosen
from vanta import audit
from vanta.errors import VantaError

log = structlog.get_logger(__name__)
ACTOR = "environment"
LOCK = 0x7269736B_03  # of pg_advisory_xact_lock; taken before the trading state's


class NothingToAcknowledge(VantaError):
    """These limits wait for nobody any more: they were acknowledged, or a process has started with others."""

    code = "nothing_to_acknowledge"


def check_in() -> EnvironmentLimits | None:
    """Record the limits of this process where they are news, and stop openings where they are looser.

    Answers the row that was written. Harmless when repeated.
    """
    stated = environment_limits.stated()
    with transaction.atomic():
        _lock()
        known, last = environment_limits.acknowledged(), EnvironmentLimits.objects.order_by("-id").first()
        looser = environment_limits.compared(known.limits, stated) if known else ()
        kind = Kind.LOOSER if looser else Kind.TIGHTER if known else Kind.BASELINE
        if last is not None and last.limits == stated and (last.kind == Kind.LOOSER) == bool(looser):
            return None
        reason = told(looser) if looser else "the limits that a process was started with"
        if looser:
            _stop_openings(reason)  # before the entry below, as the audit log's lock is taken last
        row = _record(kind, stated, known, actor=ACTOR, reason=reason)
    log.warning("environment_limits_recorded", kind=row.kind, looser=[str(each) for each in looser])
    return row


def check_in_at_start() -> None:
    """The same for a process that starts: one that does not reach PostgreSQL, or lacks its tables, starts all the same.

    What it has of looser limits is held back at each decision anyway. Leaves no connection to be forked.
    """
    try:
        check_in()
    except DatabaseError as error:
        log.exception("environment_limits_not_recorded", error=type(error).__name__)
    finally:
        connection.close()


def acknowledge(number: int, *, actor: str, reason: str) -> EnvironmentLimits:
    """Let the looser limits of that row hold; openings go on once trading is resumed.

    Whether `actor` may is the caller's to check. Raises ReasonMissing and NothingToAcknowledge.
    """
    if not reason.strip():
        raise ReasonMissing(actor=actor)
    with transaction.atomic():
        _lock()
        waiting = environment_limits.unacknowledged()
        if waiting is None or waiting.pk != number:
            raise NothingToAcknowledge(number=number)
        known = environment_limits.acknowledged()
        row = _record(Kind.ACKNOWLEDGED, waiting.limits, known, actor=actor, reason=reason)
    log.warning("environment_limits_acknowledged", actor=actor)
    return row


def told(looser: tuple[Loosened, ...]) -> str:
    """Why openings are stopped, each limit by its name in the environment."""
    return f"looser in the environment than acknowledged: {', '.join(map(str, looser))}"


def _lock(number: int = LOCK) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])


def _record(
    kind: Kind, limits: dict[str, str], known: EnvironmentLimits | None, *, actor: str, reason: str
) -> EnvironmentLimits:
    before = known.limits if known else {}
    names = [name for name, value in limits.items() if before.get(name) != value]
    row = EnvironmentLimits.objects.create(kind=kind, limits=limits, actor=actor, reason=reason)
    audit.append(
        actor=actor,
        action=f"environment_limits.{kind}",
        subject="environment_limits",
        before={name: before[name] for name in names if name in before} if known else None,
        after={name: limits[name] for name in names},
        reason=reason,
    )
    return row


def _stop_openings(reason: str) -> None:
    """A halted system stays halted, and maintenance goes on being one."""
    # Held until the commit: what is refused below gives it back, and somebody could resume before the row is seen.
    _lock(trading_state.LOCK)
    held = trading_state.last()
    with suppress(WouldLoosen):
        trading_state.change(
            TradingState.REDUCING,
            actor=ACTOR,
            reason=reason,
            is_maintenance=held is not None and held.is_maintenance,
            only_stricter=True,
        )
