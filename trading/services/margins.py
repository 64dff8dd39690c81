"""Moving free balance into a DRY position that has come close to liquidation, as far as its trader allows.

By the rules of margin that the trader adds, at once and without an order: a guardian that waits may be too late.
"""

from dataclasses import dataclass
from decimal import Decimal

from risk.additions import Margin, margin_leaving_buffer
from risk.margin import InvalidMargin, Side
from trading import changes
from trading.models import Position, PositionEvent, Trader
from trading.models.loading import lock_traders, with_market
from trading.models.positions import calm_share
from trading.models.traders import Mode
from trading.services import margin_moves
from trading.transactions import joined
from trading.venues.base import Changed
from vanta import clock
from vanta.money import ZERO

_PROBLEMS = {  # by the code of what denies it, in the order in which they are told
    "order_under_way": "being_closed",
    "trading_state": "halted",
    "invalid_collateral": "not_possible",
    "market_closed": "not_possible",
    "leverage": "not_possible",
    "margin": "no_balance",
    "daily_loss": "over_day",
}
_AFTER_CAP = ("no_balance", "over_day")


@dataclass(frozen=True, slots=True)
class Added:
    """How much was moved into the position; nothing, and why, where `problem` is a word."""

    amount_usd: Decimal = ZERO
    problem: str = ""


@joined
def add_to_leave_buffer(*, trader: Trader, position_id: int, mark: Decimal, cap_usd: Decimal) -> Added:
    """Add the margin with which the position has left its buffer at `mark`: all of it or nothing.

    Never more than `cap_usd` over the position's life, nor than is free once pending openings have what they reserve,
    nor than the day may still lose: without a stop, what is added is lost with the rest. The notional stays. A closing
    under way was priced for the position as it is: it goes first.
    """
    lock_traders([trader.pk])
    held = Position.objects.filter(pk=position_id, trader=trader, status=Position.Status.OPEN, mode=Mode.DRY)
    position = with_market(held, "trader").select_for_update(of=("self",)).first()
    if position is None:
        return Added(problem="being_closed")
    try:
        wanted = _wanted(position, mark)
    except InvalidMargin:
        return Added(problem="not_possible")
    amount = wanted.collateral_usd - position.collateral_usd
    if amount <= ZERO:
        return Added(problem="not_possible")
    codes = margin_moves.decide(margin_moves.case_of(position, amount)).codes
    problem = next((word for code, word in _PROBLEMS.items() if code in codes), "")
    if position.margin_added_usd + amount > cap_usd and problem in ("", *_AFTER_CAP):
        problem = "over_cap"
    if problem:
        return Added(amount if problem in ("over_cap", *_AFTER_CAP) else ZERO, problem)
    position.margin_added_usd += amount
    position.save(update_fields=["margin_added_usd"])
    moved = Changed(executed_at=clock.now(), moved_usd=amount, leverage=wanted.leverage)
    changes.apply(position, PositionEvent.Kind.MARGIN_ADDED, moved, detail={"mark": str(mark)})
    return Added(amount)


def _wanted(position: Position, mark: Decimal) -> Margin:
    return margin_leaving_buffer(
        side=Side(position.side),
        entry_price=position.entry_price,
        price=mark,
        notional_usd=position.notional_usd,
        accrued_usd=position.accrued_usd,
        kept_pct=calm_share(position.buffer_pct),
    )
