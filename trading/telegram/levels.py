"""From a stop or take-profit as typed to a price. Pure."""

from decimal import Decimal

from risk import margin
from risk.margin import Side
from trading.telegram.numbers import Level, LevelUnit


def stop_price(level: Level, side: Side, base: Decimal, notional: Decimal) -> Decimal:
    """`2%` and `$50` are a move of the price from `base` against the position, and a loss of its notional."""
    if level.unit == LevelUnit.PERCENT:
        return margin.stop_price_from_move(side=side, base_price=base, move_rate=level.value)
    if level.unit == LevelUnit.USD:
        return margin.stop_price_from_usd(side=side, base_price=base, notional_usd=notional, loss_usd=level.value)
    return level.value


def take_profit_price(level: Level, side: Side, base: Decimal, notional: Decimal) -> Decimal:
    """The same with the position."""
    if level.unit == LevelUnit.PERCENT:
        return margin.take_profit_price_from_move(side=side, base_price=base, move_rate=level.value)
    if level.unit == LevelUnit.USD:
        gain = level.value
        return margin.take_profit_price_from_usd(side=side, base_price=base, notional_usd=notional, gain_usd=gain)
    return level.value
