"""The life of an order as one table. Pure; the database repeats it as a trigger."""

from enum import StrEnum

from trading.errors import IllegalTransition


class OrderState(StrEnum):
    """Denied means that Vanta refused; rejected, that the venue did."""

    DRAFT = "DRAFT"
    APPROVED = "APPROVED"
    DENIED = "DENIED"
    SUBMITTING = "SUBMITTING"
    ACCEPTED = "ACCEPTED"
    RESTING = "RESTING"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    REJECTED = "REJECTED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    UNKNOWN = "UNKNOWN"


S = OrderState
TRANSITIONS: dict[OrderState, frozenset[OrderState]] = {
    S.DRAFT: frozenset({S.APPROVED, S.DENIED, S.CANCELED, S.EXPIRED}),
    S.APPROVED: frozenset({S.SUBMITTING, S.CANCELED, S.EXPIRED}),
    S.SUBMITTING: frozenset(
        {S.ACCEPTED, S.RESTING, S.PARTIALLY_FILLED, S.FILLED, S.REJECTED, S.EXPIRED, S.CANCELED, S.UNKNOWN}
    ),
    S.ACCEPTED: frozenset({S.RESTING, S.PARTIALLY_FILLED, S.FILLED, S.REJECTED, S.CANCELED, S.EXPIRED, S.UNKNOWN}),
    S.RESTING: frozenset({S.PARTIALLY_FILLED, S.FILLED, S.CANCELED, S.EXPIRED, S.UNKNOWN}),
    S.PARTIALLY_FILLED: frozenset({S.FILLED, S.CANCELED, S.EXPIRED, S.UNKNOWN}),
    S.UNKNOWN: frozenset({S.ACCEPTED, S.RESTING, S.PARTIALLY_FILLED, S.FILLED, S.REJECTED, S.CANCELED, S.EXPIRED}),
    S.DENIED: frozenset(),
    S.FILLED: frozenset(),
    S.REJECTED: frozenset(),
    S.CANCELED: frozenset(),
    S.EXPIRED: frozenset(),
}
TERMINAL = frozenset(state for state, following in TRANSITIONS.items() if not following)
# Decided but not ended: these reserve collateral and risk.
PENDING = frozenset({S.APPROVED, S.SUBMITTING, S.ACCEPTED, S.RESTING, S.PARTIALLY_FILLED, S.UNKNOWN})
# On their way to the venue: what became of them has to be found out, never guessed.
IN_FLIGHT = frozenset({S.SUBMITTING, S.ACCEPTED, S.UNKNOWN})
# With the venue, whether or not anybody knows: it may act on these at any time.
AT_VENUE = IN_FLIGHT | {S.RESTING}


def require_transition(current: OrderState, following: OrderState) -> None:
    """Raise IllegalTransition unless `current` may become `following`."""
    if following not in TRANSITIONS[current]:
        raise IllegalTransition(current=current, following=following)
