"""The trading state: read from PostgreSQL at every decision, changed in one step, audited.

There is no cache: a stop is effective with its commit. Neither Redis nor Celery is asked.
"""

import structlog
from django.db import DatabaseError, connection, transaction

from risk.models import TradingStateChange
from risk.values import TradingState
from vanta import audit
from vanta.errors import VantaError

__all__ = ["ReasonMissing", "TradingState", "change", "current"]

log = structlog.get_logger(__name__)
LOCK = 0x7269736B_01  # of pg_advisory_xact_lock: numbers are given in the order of the commits


class ReasonMissing(VantaError):
    """A change of the trading state or the execution mode needs a reason, for whoever reads it later."""

    code = "reason_missing"


def current() -> TradingState:
    """The state now: ACTIVE until first changed, HALTED where it cannot be read. One indexed query."""
    try:
        state = TradingStateChange.objects.order_by("-id").values_list("state", flat=True).first()
        return TradingState.ACTIVE if state is None else TradingState(state)
    except (DatabaseError, ValueError) as error:
        log.exception("trading_state_unreadable", error=type(error).__name__)
        return TradingState.HALTED


def change(state: TradingState, *, actor: str, reason: str) -> TradingStateChange:
    """Set the state, with its audit entry, in one transaction. Whether `actor` may is the caller's to check.

    Raises ReasonMissing. Setting the state that already holds is recorded too.
    """
    if not reason.strip():
        raise ReasonMissing(actor=actor)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        before = current()
        changed = TradingStateChange.objects.create(state=state, actor=actor, reason=reason)
        audit.append(
            actor=actor,
            action="trading_state.change",
            subject="trading_state",
            before={"state": before},
            after={"state": state},
            reason=reason,
        )
    log.warning("trading_state_changed", before=before.value, state=state.value, actor=actor, reason=reason)
    return changed
