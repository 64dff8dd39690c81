"""The trading state: read from PostgreSQL at every decision, changed in one step, audited.

There is no cache: a stop is effective with its commit. Neither Redis nor Celery is asked.
"""

import json

import structlog
from django.db import DatabaseError, connection, transaction

from risk import environment_limits
from risk.models import TradingStateChange
from risk.values import TradingState
from vanta import audit
from vanta.errors import VantaError

__all__ = ["ChangedMeanwhile", "LimitsLoosened", "ReasonMissing", "TradingState", "WouldLoosen", "change", "current",
           "last"]  # fmt: skip

log = structlog.get_logger(__name__)
STRICTNESS = (TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED)
LOCK = 0x7269736B_01  # of pg_advisory_xact_lock: numbers are given in the order of the commits
STATE_AND_LIMITS = """
SELECT (SELECT state FROM risk_tradingstatechange ORDER BY id DESC LIMIT 1),
       (SELECT limits FROM risk_environmentlimits WHERE kind <> 'looser' ORDER BY id DESC LIMIT 1)
"""


class WouldLoosen(VantaError):
    """A state that lets less through holds already; letting more through is not for whoever can only stop."""

    code = "would_loosen"


class LimitsLoosened(VantaError):
    """The environment has looser limits than were acknowledged; openings wait until a super admin has seen them."""

    code = "limits_loosened"


class ChangedMeanwhile(VantaError):
    """Somebody has set the state since it was looked at: who lets more through has to look again."""

    code = "changed_meanwhile"


class ReasonMissing(VantaError):
    """A change of the trading state or the execution mode needs a reason, for whoever reads it later."""

    code = "reason_missing"


def current() -> TradingState:
    """The state now: ACTIVE until first changed, HALTED where it cannot be read. One query of two indexed rows.

    A process whose own limits are looser than the acknowledged ones never sees ACTIVE: it opens nothing, whether it has
    told anybody or not.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute(STATE_AND_LIMITS)
            stored, acknowledged = cursor.fetchone()
        state = TradingState.ACTIVE if stored is None else TradingState(stored)
        if state is TradingState.ACTIVE and acknowledged is not None and _is_looser_than(json.loads(acknowledged)):
            return TradingState.REDUCING
        return state
    except (DatabaseError, ValueError, ArithmeticError) as error:
        log.exception("trading_state_unreadable", error=type(error).__name__)
        return TradingState.HALTED


def _is_looser_than(acknowledged: dict[str, str]) -> bool:
    return bool(environment_limits.compared(acknowledged, environment_limits.stated()))


def last() -> TradingStateChange | None:
    """The change that holds now; None where there never was one."""
    return TradingStateChange.objects.order_by("-id").first()


def change(
    state: TradingState,
    *,
    actor: str,
    reason: str,
    is_maintenance: bool = False,
    only_stricter: bool = False,
    seen: int | None = None,
) -> TradingStateChange:
    """Set the state, with its audit entry, in one transaction. Whether `actor` may is the caller's to check.

    Raises ReasonMissing; WouldLoosen where the state that holds lets less through, if `only_stricter`: two stops at
    once end in the stricter one, whichever comes second; ChangedMeanwhile where `seen` (0: none yet) is not the change
    that holds; LimitsLoosened for ACTIVE while looser limits wait. Setting the state that already holds is recorded
    too. Nobody is told: see `trading.services.stopping`.
    """
    if not reason.strip():
        raise ReasonMissing(actor=actor)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        held = last()
        if seen is not None and seen != (held.pk if held else 0):
            raise ChangedMeanwhile(seen=seen)
        before = _stored(held)
        if only_stricter and STRICTNESS.index(state) < STRICTNESS.index(before):
            raise WouldLoosen(before=before, state=state)
        if state is TradingState.ACTIVE and (looser := environment_limits.unacknowledged()):
            raise LimitsLoosened(names=[each.name for each in environment_limits.loosened_by(looser)])
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


def _stored(held: TradingStateChange | None) -> TradingState:
    """The state of the row; HALTED where this version does not know it."""
    if held is None:
        return TradingState.ACTIVE
    return TradingState(held.state) if held.state in list(TradingState) else TradingState.HALTED
