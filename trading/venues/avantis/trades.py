"""What the venue says a wallet holds: its open trades, what rests for it, and its USDC, in Vanta's units."""

import datetime as dt
from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import structlog
from veranta_sdk import AsyncVeranta

from risk.margin import Side
from trading.venues.avantis.client import VenueUnreachable, user_data_of, venue_client
from trading.venues.avantis.messages import TICKS, USDC
from trading.venues.avantis.orders import wire_leverage
from trading.venues.avantis.verdicts import whole
from vanta import clock
from vanta.money import ZERO

log = structlog.get_logger(__name__)


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


@dataclass(frozen=True, slots=True)
class VenueLimit:
    """One order that rests at the venue. `order_type` is the wire's, None where it does not say."""

    pair_index: int
    index: int
    order_id: str
    order_type: int | None
    side: Side
    collateral_usd: Decimal
    leverage: Decimal
    price: Decimal
    stop_loss: Decimal | None
    take_profit: Decimal | None


@dataclass(frozen=True, slots=True)
class AtVenue:
    """All that a wallet has at the venue at one moment; `limits` is None where that cannot be read.

    `asked_at` is no later than that moment, however long ago it is when somebody comes to use it.
    """

    trades: tuple[VenueTrade, ...]
    limits: tuple[VenueLimit, ...] | None
    asked_at: dt.datetime = field(default_factory=clock.now, compare=False)


def at_venue(wallet: str) -> AtVenue:
    """A wallet's trades and resting orders, in one request. Raises VenueUnreachable where trades cannot be read."""
    asked_at = clock.now()
    return _read(venue_client().user_data(wallet), asked_at)


def at_venue_of(wallets: Collection[str]) -> dict[str, AtVenue]:
    """The same of many wallets at once: a venue that is away is waited for once. Those not told are left out."""

    def ask(wallet: str) -> Callable[[AsyncVeranta], Coroutine[Any, Any, Any]]:
        return lambda sdk: user_data_of(sdk, wallet)

    asked_at = clock.now()
    told = venue_client().at_once({wallet: ask(wallet) for wallet in wallets}) if wallets else {}
    found: dict[str, AtVenue] = {}
    for wallet, data in told.items():
        try:
            found[wallet] = _read(data, asked_at)
        except VenueUnreachable as error:
            log.info("wallet_not_told", wallet=wallet, error=str(error))
    return found


def _read(user_data: Any, asked_at: dt.datetime) -> AtVenue:
    if not isinstance(user_data, dict):
        raise VenueUnreachable(error="not an object")
    return AtVenue(tuple(read_trades(user_data)), _read_limits(user_data), asked_at)


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


def _read_limits(user_data: dict[str, Any]) -> tuple[VenueLimit, ...] | None:
    """The orders that rest, as the SDK's model names them; its order id and type are the sandbox's own (unverified)."""
    rows = user_data.get("limitOrders")
    try:
        return tuple(_limit(row) for row in rows) if isinstance(rows, list) else None
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def wallet_balance(wallet: str) -> Decimal:
    """The wallet's USDC. Raises VenueUnreachable."""
    raw = whole(venue_client().balance(wallet).get("balance"))
    if raw is None:
        raise VenueUnreachable(error="no balance")
    return Decimal(raw) / USDC


def _limit(row: dict[str, Any]) -> VenueLimit:
    held = int(row.get("collateral") or 0) or int(row["positionSize"])
    return VenueLimit(
        pair_index=int(row["pairIndex"]),
        index=int(row["index"]),
        order_id=str(row.get("orderId") or ""),
        order_type=None if row.get("orderType") is None else int(row["orderType"]),
        side=_side(row),
        collateral_usd=Decimal(held) / USDC,
        leverage=wire_leverage(int(row["leverage"])),
        price=Decimal(int(row["price"])) / TICKS,
        stop_loss=Decimal(int(row.get("sl") or 0)) / TICKS or None,
        take_profit=Decimal(int(row.get("tp") or 0)) / TICKS or None,
    )


def _side(row: dict[str, Any]) -> Side:
    if not isinstance(row["buy"], bool):
        raise TypeError("side")
    return Side.LONG if row["buy"] else Side.SHORT


def _trade(row: dict[str, Any]) -> VenueTrade:
    def number(name: str) -> Decimal:
        return Decimal(int(row.get(name) or 0))

    return VenueTrade(
        pair_index=int(row["pairIndex"]),
        index=int(row["index"]),
        opened_at_s=int(row["openedAt"]),
        side=_side(row),
        collateral_usd=Decimal(int(row["collateral"])) / USDC,
        leverage=wire_leverage(int(row["leverage"])),
        entry_price=Decimal(int(row["openPrice"])) / TICKS,
        liquidation_price=number("liquidationPrice") / TICKS,
        stop_loss=number("sl") / TICKS or None,
        take_profit=number("tp") / TICKS or None,
        accrued_usd=max((number("rolloverFee") + number("unrealisedFundingFee")) / USDC, ZERO),
    )
