"""The liquidation buffer of open positions: one alert an entry, and what the trader wants done then.

A position is in its buffer while the mark is nearer to liquidation than `buffer_pct` of the whole distance (entry to
liquidation), and has left it when it is twice as far away.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import structlog
from django.db import InterfaceError, OperationalError, transaction

from trading import outbox, triggers
from trading.errors import NoOpenPosition
from trading.models import Position
from trading.models.loading import lock_traders
from trading.models.traders import BufferAction, Mode
from trading.order_state import OrderState
from trading.services import margins, positions
from trading.services.orders import Origin
from trading.triggers import Range
from vanta import clock, tracing
from vanta.money import ZERO

log = structlog.get_logger(__name__)
REDUCED_SHARE = Decimal("0.5")
REASON = "liquidation_buffer"
_DENIED = {"trading_state": "halted", "market_closed": "market_closed"}


def watch(ranges: Mapping[int, Range], *, halted: bool) -> int:
    """Alert the traders of positions that have entered their buffer, and forget those that have left it.

    In a halt the alert is all that happens; nothing is made up for afterwards.
    """
    entered, left = triggers.buffer_changes(ranges, halted=halted)
    _forget(left)
    found = Position.objects.filter(pk__in=entered).select_related("trader")
    return sum(_enter_apart(position, ranges[position.market_id].low, halted=halted) for position in found)


@transaction.atomic
def _forget(position_ids: Sequence[int]) -> None:
    """Those that somebody is changing are left to the next second, as in `_REFRESH`."""
    held = Position.objects.filter(pk__in=position_ids, status=Position.Status.OPEN).order_by("pk")
    free = list(held.select_for_update(skip_locked=True).values_list("pk", flat=True)) if position_ids else []
    Position.objects.filter(pk__in=free).update(buffer_entered_at=None)


def _enter_apart(position: Position, mark: Decimal, *, halted: bool) -> int:
    """A defect at one position must not keep the guardian from the others."""
    try:
        return _enter(position, mark, halted=halted)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("buffer_failed", position_id=position.pk)
        return 0


@transaction.atomic
def _enter(position: Position, mark: Decimal, *, halted: bool) -> int:
    """Claim the entry, do what the trader chose, owe the alert: all or nothing, by one guardian of several."""
    lock_traders([position.trader_id])
    unknown = Position.objects.filter(pk=position.pk, status=Position.Status.OPEN, buffer_entered_at=None)
    if not unknown.update(buffer_entered_at=clock.now()):
        return 0
    with tracing.bind_trace(tracing.new_trace_id(), position_id=position.pk):
        done, amount = ("halted", ZERO) if halted and _is_wanted(position) else _act(position, mark)
        payload = {"position": position.pk, "mark": str(mark), "done": done, "amount_usd": str(amount)}
        outbox.owe(position.trader.chat_id, outbox.BUFFER_ALERT, payload)
        log.info("buffer_entered", trader_id=position.trader_id, mark=mark, done=done)
    return 1


def _is_wanted(position: Position) -> bool:
    return position.trader.buffer_action != BufferAction.NONE and position.mode == Mode.DRY


def _act(position: Position, mark: Decimal) -> tuple[str, Decimal]:
    """What was done or why not, in a word, and with how much margin."""
    if not _is_wanted(position):
        return "none", ZERO
    if position.trader.buffer_action == BufferAction.REDUCE:
        return _reduce(position), ZERO
    added = margins.add_to_leave_buffer(
        trader=position.trader, position_id=position.pk, mark=mark, cap_usd=position.trader.buffer_cap_usd
    )
    return added.problem or "added", added.amount_usd


def _reduce(position: Position) -> str:
    try:
        (order,) = positions.close(
            trader=position.trader,
            positions=[position],
            share=REDUCED_SHARE,
            origin=Origin(chat_id=position.trader.chat_id),
            reason=REASON,
        )
    except NoOpenPosition:
        return "none"  # the trader is closing it already
    return _DENIED.get(order.reason, "refused") if order.state == OrderState.DENIED else "reduced"
