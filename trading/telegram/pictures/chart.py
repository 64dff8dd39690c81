"""What a chart shows: values only. Prices in USD per unit of base, times in UTC."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from vanta.money import ONE


@dataclass(frozen=True, slots=True)
class Bar:
    """One candle, from `start_at` on."""

    start_at: dt.datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal

    @property
    def rises(self) -> bool:
        return self.close >= self.open


class LevelKind(StrEnum):
    """What happens, or happened, at a trader's level."""

    ENTRY = "entry"
    LIQUIDATION = "liquidation"
    STOP = "stop"
    TAKE_PROFIT = "take_profit"


@dataclass(frozen=True, slots=True)
class PriceLevel:
    """A price that matters to the trader, under the name that the picture gives it."""

    kind: LevelKind
    price: Decimal
    name: str


@dataclass(frozen=True, slots=True)
class ShownMark:
    """The mark; where nobody vouches for one (`is_current` is false), the last known."""

    price: Decimal
    is_current: bool = True


@dataclass(frozen=True, slots=True)
class Chart:
    """A market's candles of one length (`step`), oldest first and one at least, with what is marked on them.

    `levels` begin with the most important: where there are too many, the last are left out.
    """

    market: str
    resolution: str
    step: dt.timedelta
    bars: tuple[Bar, ...]
    taken_at: dt.datetime
    mark: ShownMark | None = None
    levels: tuple[PriceLevel, ...] = ()
    is_closed: bool = False

    @property
    def high(self) -> Decimal:
        return max(bar.high for bar in self.bars)

    @property
    def low(self) -> Decimal:
        return min(bar.low for bar in self.bars)

    @property
    def latest(self) -> Decimal:
        """The mark, else the last candle's close."""
        return self.mark.price if self.mark else self.bars[-1].close

    @property
    def change(self) -> Decimal:
        """From the first candle's open to the latest price, as a fraction."""
        return self.latest / self.bars[0].open - ONE

    @property
    def window(self) -> dt.timedelta:
        """From the beginning of the first candle to the end of the last."""
        return self.bars[-1].start_at + self.step - self.bars[0].start_at


def window_text(window: dt.timedelta) -> str:
    """`45 min`, `10 h`, `5 days`."""
    minutes = int(window.total_seconds()) // 60
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"
