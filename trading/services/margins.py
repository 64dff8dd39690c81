"""Moving free balance into a DRY position that has come close to liquidation, as far as its trader allows."""

from copy import copy
from dataclasses import dataclass
from decimal import Decimal

from risk import margin, trading_state
from risk.additions import Margin, margin_leaving_buffer
from risk.margin import InvalidMargin, Side
from risk.rules import day
from risk.trading_state import TradingState
from trading import bookkeeping, risk_inputs, valuation
from trading.limits import limits_of
from trading.models import Order, Position, PositionEvent, Trader
from trading.models.loading import lock_traders, with_market
from trading.models.positions import calm_share
from trading.models.traders import Mode
from trading.order_state import PENDING
from trading.transactions import joined
from vanta import tracing
from vanta.money import ONE, ZERO, quantize_price


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
    position = with_market(held).select_for_update(of=("self",)).first()
    closings = Order.objects.filter(position=position, kind=Order.Kind.CLOSE, state__in=PENDING)
    if position is None or closings.exists():
        return Added(problem="being_closed")
    if trading_state.current() is TradingState.HALTED:
        return Added(problem="halted")
    try:
        wanted = _wanted(position, mark)
    except InvalidMargin:
        return Added(problem="not_possible")
    amount = wanted.collateral_usd - position.collateral_usd
    if amount <= ZERO or wanted.leverage < max(ONE, position.market.min_leverage):
        return Added(problem="not_possible")
    if position.margin_added_usd + amount > cap_usd:
        return Added(amount, "over_cap")
    account = risk_inputs.account_snapshot(risk_inputs.holdings(trader, Mode.DRY))
    if amount > account.available_usd:
        return Added(amount, "no_balance")
    raised = _raised_loss(position, wanted)
    if raised > ZERO and raised > day.left_usd(account, limits_of(trader)):
        return Added(amount, "over_day")
    _write(position, wanted, amount, mark)
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


def _raised_loss(position: Position, wanted: Margin) -> Decimal:
    """By how much the margin raises what the position can lose: nothing where its stop comes first."""
    after = copy(position)
    after.collateral_usd, after.leverage = wanted.collateral_usd, wanted.leverage
    return valuation.position_worst_loss(after) - valuation.position_worst_loss(position)


def _write(position: Position, wanted: Margin, amount_usd: Decimal, mark: Decimal) -> None:
    """Books, position and history, in the caller's transaction."""
    before = {"collateral_usd": position.collateral_usd, "liquidation_price": position.liquidation_price}
    notional = position.notional_usd
    position.collateral_usd, position.leverage = wanted.collateral_usd, wanted.leverage
    position.margin_added_usd += amount_usd
    position.liquidation_price = quantize_price(
        margin.liquidation_price(
            side=Side(position.side),
            entry_price=position.entry_price,
            collateral_usd=wanted.collateral_usd,
            notional_usd=notional,
            fees_usd=position.accrued_usd,
        )
    )
    position.save(update_fields=["collateral_usd", "leverage", "margin_added_usd", "liquidation_price"])
    after = {
        "amount_usd": amount_usd,
        "mark": mark,
        "collateral_usd": position.collateral_usd,
        "liquidation_price": position.liquidation_price,
    }
    event = PositionEvent.objects.create(
        position=position,
        kind=PositionEvent.Kind.MARGIN_ADDED,
        detail={**{name: str(value) for name, value in after.items()}, "was": {k: str(v) for k, v in before.items()}},
        trace_id=tracing.current_trace_id(),
    )
    bookkeeping.book_margin(position, amount_usd, reference=f"margin:{event.pk}")
