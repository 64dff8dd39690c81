"""A halt that is to end again: the emergency stop, drilled.

Ending it is the only resuming that no super admin does, so it is bound to the drill's own halt: once anybody has
changed the state since, there is nothing to end.
"""

from dataclasses import dataclass

from risk import trading_state
from risk.models import TradingStateChange
from risk.trading_state import ChangedMeanwhile, LimitsLoosened, TradingState


@dataclass(frozen=True, slots=True)
class Drill:
    """The halt, and what held before it."""

    stop: TradingStateChange
    before: TradingStateChange | None


def begin(*, actor: str, reason: str) -> Drill:
    """Halt as anybody would. Raises ReasonMissing, and ChangedMeanwhile where somebody changes the state at once."""
    before = trading_state.last()
    seen = before.pk if before else 0
    return Drill(trading_state.change(TradingState.HALTED, actor=actor, reason=reason, seen=seen), before)


def end(drill: Drill, *, actor: str, reason: str) -> TradingStateChange | None:
    """Let what held before the drill hold again; None where anybody has changed the state since.

    Where looser limits of the environment wait, ACTIVE does not come back: REDUCING does, as they would have it.
    """
    before, seen = drill.before, drill.stop.pk
    state = TradingState.ACTIVE if before is None else TradingState(before.state)
    is_maintenance = before is not None and before.is_maintenance
    try:
        return trading_state.change(state, actor=actor, reason=reason, is_maintenance=is_maintenance, seen=seen)
    except LimitsLoosened:
        return trading_state.change(TradingState.REDUCING, actor=actor, reason=reason, seen=seen)
    except ChangedMeanwhile:
        return None
