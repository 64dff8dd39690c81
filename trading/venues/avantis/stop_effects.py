"""What became of a message about stops that no answer tells of: by its nonce, and by what the trade shows.

Changes of one trade leave one at a time, so that what shows can only be this one's, or somebody's at the venue itself.
"""

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from trading import alarms
from trading.models import Intent
from trading.venues.avantis.client import VenueUnreachable
from trading.venues.avantis.effects import CONTRADICTED_S, MARGIN_S
from trading.venues.avantis.history import executions_of
from trading.venues.avantis.messages import TICKS
from trading.venues.avantis.nonces import NotTold, UnusedAt, nonce_state
from trading.venues.avantis.trades import VenueTrade, trades_of
from trading.venues.base import Changed, Expired, Outcome, Rejected, Unknown
from vanta import clock
from vanta.money import ZERO

MARGIN = dt.timedelta(seconds=MARGIN_S)


def find(intent: Intent) -> Outcome:
    """The outcome that nonce and trade prove; Unknown where they prove none."""
    kept = intent.payload
    state = nonce_state(
        trader=kept["trader"], signer=kept["signer"], nonce=int(intent.nonce), chain_id=int(kept["chain_id"])
    )
    if isinstance(state, NotTold):
        return Unknown(f"nonce_{state.reason}")
    try:
        trade = named(intent, trades_of(kept["trader"]))
    except VenueUnreachable:
        return Unknown("effect_not_told", may_resubmit=False)
    late_s = state.block_time_s - intent.deadline.timestamp()
    if not isinstance(state, UnusedAt):
        return _used(intent, trade, is_over=late_s > MARGIN_S)
    if late_s <= MARGIN_S:
        return Unknown("not_executed", may_resubmit=trade is not None)
    return _never_executed(intent, trade, is_believed=late_s > CONTRADICTED_S)


def named(intent: Intent, trades: Sequence[VenueTrade]) -> VenueTrade | None:
    """The trade that the message was made for, and no later one at its index."""
    expected = intent.payload["expected"]
    name = (expected["pair_index"], expected["index"], expected["opened_at_s"])
    return next((trade for trade in trades if (trade.pair_index, trade.index, trade.opened_at_s) == name), None)


def is_as_wanted(intent: Intent, trade: VenueTrade) -> bool:
    """Whether the trade shows both levels. For no take-profit the venue stores that of its largest gain.

    So it shows by being another one than was there before, where one was.
    """
    expected: dict[str, Any] = intent.payload["expected"]
    if _raw(trade.stop_loss) != expected["stop_loss"]:
        return False
    target, was = _raw(trade.take_profit), str(expected["take_profit_was"])
    if expected["take_profit"] == "0":
        return was == "0" or target != was
    return target == str(expected["take_profit"])


def changed(intent: Intent, trade: VenueTrade, told_by: str) -> Changed:
    """What the venue says is stored now."""
    has_target = intent.payload["expected"]["take_profit"] != "0"
    return Changed(
        executed_at=clock.now(),
        stop_loss=trade.stop_loss,
        take_profit=trade.take_profit if has_target else None,
        detail={"venue_event": told_by},
    )


def _used(intent: Intent, trade: VenueTrade | None, *, is_over: bool) -> Outcome:
    """An execution or a cancellation used it. One empty answer ends nothing: an end is in the history, or lasts."""
    if trade is None:
        if is_over or _has_ended(intent):
            return Rejected("position_closed", {"venue_event": "position"})
        return Unknown("position_not_shown", may_resubmit=False)
    if is_as_wanted(intent, trade):
        return changed(intent, trade, "position")
    if not is_over:
        return Unknown("nonce_used", may_resubmit=False)
    alarms.raise_alarm(
        alarms.Kind.DISPUTED_FILL, f"order {intent.order_id}", "its nonce is used, its stops do not show"
    )
    if _is_as_it_was(intent, trade):
        return Rejected("canceled_by_venue", {"venue_event": "no_effect"})
    return changed(intent, trade, "position")  # somebody changed them since; these hold


def _never_executed(intent: Intent, trade: VenueTrade | None, *, is_believed: bool) -> Outcome:
    """Unused after the deadline. Where its effect shows all the same, the node may be behind for five minutes."""
    is_shown = trade is not None and is_as_wanted(intent, trade) and not _is_as_it_was(intent, trade)
    if is_shown and not is_believed:
        alarms.raise_alarm(alarms.Kind.DISPUTED_FILL, f"order {intent.order_id}", "its stops show, its nonce is unused")
        return Unknown("effect_without_nonce", may_resubmit=False)
    return Expired()


def _is_as_it_was(intent: Intent, trade: VenueTrade) -> bool:
    expected = intent.payload["expected"]
    is_same_stop = _raw(trade.stop_loss) == str(expected["stop_was"])
    return is_same_stop and expected["take_profit_was"] in ("0", _raw(trade.take_profit))


def _has_ended(intent: Intent) -> bool:
    """Whether the venue's history knows of an end of the trade."""
    expected = intent.payload["expected"]
    name = (expected["pair_index"], expected["index"], expected["opened_at_s"])
    rows = executions_of(intent.payload["trader"])
    return any((row.pair_index, row.index, row.opened_at_s) == name and row.kind != "open" for row in rows)


def _raw(price: Decimal | None) -> str:
    return str(int((price or ZERO) * TICKS))
