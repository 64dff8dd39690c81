"""What all traders together hold open, by execution mode, market and side; read for people."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Count, DecimalField, F, Sum

from risk.margin import Side
from trading.models import Position
from vanta.money import ZERO

_NOTIONAL = Sum(F("collateral_usd") * F("leverage"), output_field=DecimalField(max_digits=34, decimal_places=10))


Key = tuple[str, int, str]  # execution mode, market


class Sums(NamedTuple):
    """Of one side."""

    notional_usd: Decimal = ZERO
    collateral_usd: Decimal = ZERO
    positions: int = 0


@dataclass(frozen=True, slots=True)
class Exposure:
    """Open positions of one execution mode in one market: notionals of both sides and their collateral, in USDC.

    Without a market they are those in several.
    """

    mode: str
    market_id: int | None = None
    market: str = ""
    long_usd: Decimal = ZERO
    short_usd: Decimal = ZERO
    collateral_usd: Decimal = ZERO
    positions: int = 0

    @property
    def net_usd(self) -> Decimal:
        """Above zero where more is long than short."""
        return self.long_usd - self.short_usd

    @property
    def gross_usd(self) -> Decimal:
        return self.long_usd + self.short_usd


def exposures() -> list[Exposure]:
    """The largest first in each mode; one statement."""
    held = Position.objects.filter(status=Position.Status.OPEN)
    sums = held.values_list("mode", "market_id", "market__symbol", "side").annotate(
        notional=_NOTIONAL, collateral=Sum("collateral_usd"), positions=Count("pk")
    )
    by_market: dict[Key, dict[str, Sums]] = defaultdict(dict)
    for mode, market_id, market, side, *figures in sums.order_by():
        by_market[mode, market_id, market][side] = Sums(*figures)
    found = [_exposure(key, sides) for key, sides in by_market.items()]
    return sorted(found, key=lambda each: (each.mode, -each.gross_usd, each.market))


def _exposure(key: Key, sides: Mapping[str, Sums]) -> Exposure:
    long, short = sides.get(Side.LONG, Sums()), sides.get(Side.SHORT, Sums())
    positions = long.positions + short.positions
    return Exposure(*key, long.notional_usd, short.notional_usd, long.collateral_usd + short.collateral_usd, positions)


def total(rows: Sequence[Exposure], mode: str) -> Exposure:
    """Several rows of one mode as one."""
    return Exposure(
        mode,
        None,
        "",
        sum((row.long_usd for row in rows), ZERO),
        sum((row.short_usd for row in rows), ZERO),
        sum((row.collateral_usd for row in rows), ZERO),
        sum(row.positions for row in rows),
    )
