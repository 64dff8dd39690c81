"""How much margin takes a position out of its liquidation buffer. Pure; amounts in USDC.

Adding margin leaves the notional as it is: collateral grows, leverage falls, liquidation moves away.
"""

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from risk.margin import LIQUIDATION_THRESHOLD, InvalidMargin, Side
from vanta.money import ONE, quantize_usdc

LEVERAGE_QUANTUM = Decimal("0.0001")  # what a position's leverage is stored in


@dataclass(frozen=True, slots=True)
class Margin:
    """What a position is to have; collateral times leverage is its old notional, to half a micro-USDC a unit of it."""

    collateral_usd: Decimal
    leverage: Decimal


def margin_leaving_buffer(
    *,
    side: Side,
    entry_price: Decimal,
    price: Decimal,
    notional_usd: Decimal,
    accrued_usd: Decimal,
    kept_pct: Decimal,
    threshold: Decimal = LIQUIDATION_THRESHOLD,
) -> Margin:
    """The margin with which `price` is at least `kept_pct` of the distance from entry to liquidation away from it.

    With d the distance and g the move against the position, both fractions of the entry: d − g ≥ kept · d. Leverage is
    rounded down, so that the collateral is never below what is needed. Raises InvalidMargin where kept_pct >= 1 or no
    margin is needed at this price.
    """
    adverse = side.sign * (entry_price - price) / entry_price
    if kept_pct >= ONE or adverse <= 0:
        raise InvalidMargin("no margin keeps that distance", amount=kept_pct)
    needed = (notional_usd * adverse / (ONE - kept_pct) + accrued_usd) / threshold
    leverage = (notional_usd / needed).quantize(LEVERAGE_QUANTUM, rounding=ROUND_DOWN)
    if leverage <= 0:
        raise InvalidMargin("more than any position has", amount=needed)
    return Margin(quantize_usdc(notional_usd / leverage), leverage)
