"""What an increase makes of a position's row: the arithmetic of `risk.increases` in the ledger's units."""

import datetime as dt
from collections.abc import Sequence
from copy import copy
from decimal import ROUND_DOWN, Decimal

from django.conf import settings

from risk import increases, margin
from risk.additions import LEVERAGE_QUANTUM
from risk.margin import Side
from risk.values import LEVERAGE_TICK, OpenPosition
from trading import valuation
from trading.models import Order, Position
from trading.models.orders import K
from trading.models.traders import Mode
from vanta.money import ONE, ZERO, quantize_price


def as_held(position: Position) -> OpenPosition:
    """The position as the checks take it."""
    return OpenPosition(
        side=Side(position.side),
        entry_price=position.entry_price,
        collateral_usd=position.collateral_usd,
        notional_usd=position.notional_usd,
        accrued_fees_usd=position.accrued_usd,
    )


def adds_to(order: Order, positions: Sequence[Position], pending: Sequence[Order]) -> OpenPosition | None:
    """The open position that an increase adds to, with what other increases will have put in; None without one.

    `positions` and `pending` are those of the order's account, each with its market.
    """
    position = position_of(order, positions)
    if position is None:
        return None
    held = as_held(position)
    for other in pending:
        if other.kind == K.INCREASE and other.position_id == position.pk and other.pk != order.pk:
            held = with_order(held, other, other.quoted_price)
    return held


def position_of(order: Order, positions: Sequence[Position]) -> Position | None:
    """The one of these that an increase names."""
    return next((each for each in positions if each.pk == order.position_id), None)


def take_levels(order: Order, positions: Sequence[Position]) -> None:
    """An increase has the stop and the take-profit of its position, as they are now."""
    position = position_of(order, positions)
    if position is not None:
        order.stop_loss, order.take_profit = position.stop_loss, position.take_profit


def with_order(held: OpenPosition, order: Order, price: Decimal, *, is_worst: bool = True) -> OpenPosition:
    """`held` after `order` fills at the worse side of a mark; at its worst with the slippage that is allowed."""
    slippage = settings.MAX_SLIPPAGE_PCT if is_worst else ZERO
    return increases.increased(
        held,
        fill_price=margin.fill_price_with_spread(
            side=held.side, price=price, spread_rate=order.market.spread_rate + slippage
        ),
        collateral_usd=order.collateral_usd,
        notional_usd=order.collateral_usd * order.leverage,
    )


def outlook(order: Order, position: Position, *, is_worst: bool = False) -> Position:
    """The position as it would be after the order's fill at its quoted price; never to be saved."""
    grown = with_order(as_held(position), order, order.quoted_price, is_worst=is_worst)
    after = copy(position)
    after.collateral_usd, after.entry_price = grown.collateral_usd, grown.entry_price
    after.leverage = grown.notional_usd / grown.collateral_usd
    after.liquidation_price = liquidation_price(after)
    return after


def worst_loss_after(order: Order, position: Position) -> Decimal:
    """What the position could lose with the order filled at its worst."""
    after = outlook(order, position, is_worst=True)
    fee = margin.open_fee(notional_usd=order.collateral_usd * order.leverage, rate=order.market.open_fee_rate)
    costs = fee if after.stop_loss is not None else ZERO
    return min(valuation.position_worst_loss(after) + costs, after.collateral_usd)


def usual_leverage(position: Position) -> Decimal:
    """The position's own, in whole ticks and within what its market takes."""
    market = position.market
    own = position.leverage.quantize(LEVERAGE_TICK, rounding=ROUND_DOWN)
    return max(min(own, market.max_leverage), market.min_leverage, ONE)


def grow(
    position: Position, *, price: Decimal, collateral_usd: Decimal, notional_usd: Decimal, at: dt.datetime
) -> None:
    """Put a fill into a position's row; the caller saves it.

    Costs until then were those of what there was: paper positions are brought up to date before they grow, and prices
    from before concern them no more.
    """
    if position.mode == Mode.DRY:
        position.accrued_usd = valuation.accrued_at(position, position.market, at)
        position.accrued_until = position.watched_from = at
    grown = increases.increased(
        as_held(position), fill_price=price, collateral_usd=collateral_usd, notional_usd=notional_usd
    )
    position.collateral_usd = grown.collateral_usd
    position.leverage = (grown.notional_usd / grown.collateral_usd).quantize(LEVERAGE_QUANTUM)
    position.entry_price = quantize_price(grown.entry_price)
    position.liquidation_price = liquidation_price(position)


def liquidation_price(position: Position) -> Decimal:
    """Where the position dies, as its row is."""
    return quantize_price(
        margin.liquidation_price(
            side=Side(position.side),
            entry_price=position.entry_price,
            collateral_usd=position.collateral_usd,
            notional_usd=position.notional_usd,
            fees_usd=position.accrued_usd,
        )
    )
