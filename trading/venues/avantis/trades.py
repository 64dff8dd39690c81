"""What the venue says a wallet holds: its open trades and its USDC, in Vanta's units."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from risk.margin import Side
from trading.venues.avantis.client import VenueUnreachable, venue_client
from trading.venues.avantis.messages import TICKS, USDC
from trading.venues.avantis.orders import wire_leverage
from trading.venues.avantis.verdicts import whole
from vanta.money import ZERO


@dataclass(frozen=True, slots=True)
class VenueTrade:
    """One open trade; `index` and `opened_at_s` name it."""

    pair_index: int
    index: int
    opened_at_s: int
    side: Side
    collateral_usd: Decimal
    leverage: Decimal
    entry_price: Decimal
    liquidation_price: Decimal
    stop_loss: Decimal | None
    take_profit: Decimal | None
    accrued_usd: Decimal


def trades_of(wallet: str) -> list[VenueTrade]:
    """Every open trade of a wallet. Raises VenueUnreachable, also where the answer cannot be read as a whole."""
    return read_trades(venue_client().user_data(wallet))


def read_trades(user_data: dict[str, Any]) -> list[VenueTrade]:
    """The trades in a wallet's `/user-data`. Raises VenueUnreachable where not all can be read."""
    rows = user_data.get("positions")
    if not isinstance(rows, list):
        raise VenueUnreachable(error="no list of positions")
    try:
        return [_trade(row) for row in rows]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise VenueUnreachable(error=f"unreadable position: {type(error).__name__}") from error


def wallet_balance(wallet: str) -> Decimal:
    """The wallet's USDC. Raises VenueUnreachable."""
    raw = whole(venue_client().balance(wallet).get("balance"))
    if raw is None:
        raise VenueUnreachable(error="no balance")
    return Decimal(raw) / USDC


def _trade(row: dict[str, Any]) -> VenueTrade:
    def number(name: str) -> Decimal:
        return Decimal(int(row.get(name) or 0))

    if not isinstance(row["buy"], bool):
        raise TypeError("side")
    return VenueTrade(
        pair_index=int(row["pairIndex"]),
        index=int(row["index"]),
        opened_at_s=int(row["openedAt"]),
        side=Side.LONG if row["buy"] else Side.SHORT,
        collateral_usd=Decimal(int(row["collateral"])) / USDC,
        leverage=wire_leverage(int(row["leverage"])),
        entry_price=Decimal(int(row["openPrice"])) / TICKS,
        liquidation_price=number("liquidationPrice") / TICKS,
        stop_loss=number("sl") / TICKS or None,
        take_profit=number("tp") / TICKS or None,
        accrued_usd=max((number("rolloverFee") + number("unrealisedFundingFee")) / USDC, ZERO),
    )
