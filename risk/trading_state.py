"""The trading state: read from PostgreSQL at every decision, changed in one step, audited.

There is no cache: a stop is effective with its commit. Neither Redis nor Celery is asked.
"""

import structlog
from django.db import DatabaseError, connection, transaction

from risk.models import TradingStateChange
from risk.values import TradingState
from vanta import audit
from vanta.errors import VantaError

__all__ = ["ReasonMissing", "TradingState", "WouldLoosen", "change", "current", "last"]

log = structlog.get_logger(__name__)
STRICTNESS = (TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED)
LOCK = 0x7269736B_01  # of pg_advisory_xact_lock: numbers are given in the order of the commits


class WouldLoosen(VantaError):
    """A state that lets less through holds already; letting more through is not for whoever can only stop."""

    code = "would_loosen"


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


def last() -> TradingStateChange | None:
    """The change that holds now; None where there never was one."""
    return TradingStateChange.objects.order_by("-id").first()


def change(
    state: TradingState, *, actor: str, reason: str, is_maintenance: bool = False, only_stricter: bool = False
) -> TradingStateChange:
    """Set the state, with its audit entry, in one transaction. Whether `actor` may is the caller's to check.

    Raises ReasonMissing; and WouldLoosen where the state that holds lets less through, if `only_stricter`: two stops at
    once end in the stricter one, whichever comes second. Setting the state that already holds is recorded too. Nobody
    is told: see `trading.services.stopping`.
    """
    if not reason.strip():
        raise ReasonMissing(actor=actor)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        before = current()
        if only_stricter and STRICTNESS.index(state) < STRICTNESS.index(before):
            raise WouldLoosen(before=before, state=state)
        changed = TradingStateChange.objects.create(
            state=state, actor=actor, reason=reason, is_maintenance=is_maintenance
        )
        audit.append(
            actor=actor,
            action="trading_state.change",
            subject="trading_state",
            before={"state": before},
            after={"state": state, **({"maintenance": True} if is_maintenance else {})},
            reason=reason,
        )
    log.warning("trading_state_changed", before=before.value, state=state.value, actor=actor, reason=reason)
    return changed
