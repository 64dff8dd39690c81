"""The system's execution mode: DRY until somebody makes it LIVE, read from PostgreSQL, audited."""

import structlog
from django.db import connection, transaction

from risk.models import ExecutionMode, ExecutionModeChange
from risk.trading_state import ReasonMissing
from vanta import audit

__all__ = ["ExecutionMode", "ReasonMissing", "change", "current", "last"]

log = structlog.get_logger(__name__)
LOCK = 0x7269736B_02  # of pg_advisory_xact_lock: numbers are given in the order of the commits


def current() -> ExecutionMode:
    """The mode now. An unreadable one raises the database's error: an order must not change its venue unnoticed."""
    mode = ExecutionModeChange.objects.order_by("-id").values_list("mode", flat=True).first()
    return ExecutionMode.DRY if mode is None else ExecutionMode(mode)


def last() -> ExecutionModeChange | None:
    """The change that holds now; None where there never was one."""
    return ExecutionModeChange.objects.order_by("-id").first()


def change(mode: ExecutionMode, *, actor: str, reason: str) -> ExecutionModeChange:
    """Set the mode, with its audit entry, in one transaction; open positions keep theirs. Raises ReasonMissing.

    Whether `actor` may is the caller's to check.
    """
    if not reason.strip():
        raise ReasonMissing(actor=actor)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        before = current()
        changed = ExecutionModeChange.objects.create(mode=mode, actor=actor, reason=reason)
        audit.append(
            actor=actor,
            action="execution_mode.change",
            subject="execution_mode",
            before={"mode": before},
            after={"mode": mode},
            reason=reason,
        )
    log.warning("execution_mode_changed", before=before.value, mode=mode.value, actor=actor, reason=reason)
    return changed
