"""Positions as they stand at the prices of now: what they gain, how far liquidation is. One read for a whole list."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from feeds import selectors as feeds
from feeds.consensus import MarkPrice
from trading import valuation
from trading.models import Position


@dataclass(frozen=True, slots=True)
class Standing:
    """One open position now. `away_share` is the distance to liquidation as a share of the price, below zero beyond.

    `is_last` says that there is no mark: the price is the last one that was known.
    """

    price: Decimal
    is_last: bool
    pnl_usd: Decimal
    away_share: Decimal


def standings(positions: Iterable[Position]) -> dict[int, Standing]:
    """By id, of those that are open and whose market ever had a price."""
    held: Sequence[Position] = [each for each in positions if each.status == Position.Status.OPEN]
    symbols = sorted({position.market.symbol for position in held})
    if not symbols:
        return {}
    marks = feeds.mark_prices(symbols)
    prices = valuation.known_prices(marks, symbols)
    return {
        position.pk: _standing(position, price, is_last=not isinstance(marks[position.market.symbol], MarkPrice))
        for position in held
        if (price := prices.get(position.market.symbol)) is not None
    }


def _standing(position: Position, price: Decimal, *, is_last: bool) -> Standing:
    sign = 1 if position.side == "long" else -1
    away = sign * (price - position.liquidation_price) / price
    return Standing(price, is_last, valuation.position_pnl(position, price), away)
