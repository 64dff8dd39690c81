"""What would have happened to a position on candles that nobody watched. Pure.

A candle does not say in which order it went through its prices. Where it crosses several triggers, the one that is
worst for the trader is assumed: liquidation before the stop, the stop before the take-profit.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from risk.margin import Side

LIQUIDATION = "liquidation"
STOP_LOSS = "stop_loss"
TAKE_PROFIT = "take_profit"
STOPPED_OUT = (LIQUIDATION, STOP_LOSS)  # what protections count where it lost


@dataclass(frozen=True, slots=True)
class Bar:
    """Prices of a market between two times."""

    start_at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal


@dataclass(frozen=True, slots=True)
class Levels:
    """What ends a position, and from when on prices concern it. Costs move its liquidation price as time passes."""

    side: Side
    liquidation_at: Callable[[datetime], Decimal]
    stop_loss: Decimal | None
    take_profit: Decimal | None
    watched_from: datetime


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A closing in the past: why, at which price before the spread, and when."""

    reason: str
    price: Decimal
    at: datetime


def first_crossing(levels: Levels, bars: Iterable[Bar]) -> Evaluated | None:
    """What the first bar that crosses anything does to the position; bars are in order, and end after `watched_from`.

    Of a bar that began before the position did, only the close is known to have come after it.
    """
    for bar in bars:
        is_whole = bar.start_at >= levels.watched_from
        lived = bar if is_whole else Bar(levels.watched_from, bar.close, bar.close, bar.close, bar.close)
        found = _crossing(levels, lived)
        if found is not None:
            return found
    return None


def _crossing(levels: Levels, bar: Bar) -> Evaluated | None:
    """Liquidation is at its price, as at the venue; a stop at its price too, or where the bar opened beyond it."""
    sign = levels.side.sign
    worst, best = (bar.low, bar.high) if levels.side is Side.LONG else (bar.high, bar.low)
    liquidation_price = levels.liquidation_at(bar.start_at)
    if sign * (worst - liquidation_price) <= 0:
        return Evaluated(LIQUIDATION, liquidation_price, bar.start_at)
    if levels.stop_loss is not None and sign * (worst - levels.stop_loss) <= 0:
        opened_beyond = sign * (bar.open - levels.stop_loss) < 0
        return Evaluated(STOP_LOSS, bar.open if opened_beyond else levels.stop_loss, bar.start_at)
    if levels.take_profit is not None and sign * (best - levels.take_profit) >= 0:
        return Evaluated(TAKE_PROFIT, levels.take_profit, bar.start_at)
    return None
