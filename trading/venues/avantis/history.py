"""What the venue's history lists as executed for a wallet."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import structlog

from trading.venues.avantis.client import VenueUnreachable, venue_client
from trading.venues.avantis.messages import TICKS, USDC
from trading.venues.avantis.orders import wire_leverage

log = structlog.get_logger(__name__)
ROWS = 100


@dataclass(frozen=True, slots=True)
class Execution:
    """One thing that happened to a trade; `nonce` and `digest` of the intent that made it happen, where one did."""

    kind: str
    trader: str
    nonce: str
    digest: str
    order_id: str
    transaction_hash: str
    reason: str
    pair_index: int
    index: int
    opened_at_s: int
    is_long: bool
    collateral_usd: Decimal
    leverage: Decimal
    price: Decimal
    paid_out_usd: Decimal
    at_ms: int


@dataclass(frozen=True, slots=True)
class Placed:
    """One thing that happened to a resting order: it was placed or canceled. `nonce` as in an `Execution`."""

    kind: str
    nonce: str
    order_id: str
    transaction_hash: str
    pair_index: int
    index: int
    at_ms: int


def placings_of(wallet: str) -> list[Placed]:
    """What the history last lists of the wallet's limit orders, newest first; unverified, and no proof, as below."""
    try:
        rows = venue_client().order_history(wallet, ROWS).get("portfolio")
    except VenueUnreachable as error:
        log.info("order_history_not_told", error=str(error))
        return []
    read = [_read_placed(row) for row in rows] if isinstance(rows, list) else []
    return [row for row in read if row is not None]


def _read_placed(row: Any) -> Placed | None:
    try:
        return Placed(
            kind=str(row["kind"]),
            nonce=str(row.get("nonce") or ""),
            order_id=str(row.get("orderId") or ""),
            transaction_hash=str(row.get("transactionHash") or ""),
            pair_index=int(row["pairIndex"]),
            index=int(row["index"]),
            at_ms=int(row["at"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def executions_of(wallet: str) -> list[Execution]:
    """The wallet's last executions, newest first; empty where the service does not answer.

    Nobody here has seen the real service's rows (unverified): those that read like an execution are taken, every other
    is passed over, and nothing that was not found is proof of anything.
    """
    try:
        rows = venue_client().trade_history(wallet, ROWS).get("portfolio")
    except VenueUnreachable as error:
        log.info("history_not_told", error=str(error))
        return []
    read = [_read(row) for row in rows] if isinstance(rows, list) else []
    return [row for row in read if row is not None]


def _read(row: Any) -> Execution | None:
    try:
        return Execution(
            kind=str(row["kind"]),
            trader=str(row["trader"]),
            nonce=str(row.get("nonce") or ""),
            digest=str(row.get("digest") or ""),
            order_id=str(row.get("orderId") or ""),
            transaction_hash=str(row.get("transactionHash") or ""),
            reason=str(row.get("reason") or ""),
            pair_index=int(row["pairIndex"]),
            index=int(row["index"]),
            opened_at_s=int(row["openedAt"]),
            is_long=row["isLong"] is True,
            collateral_usd=Decimal(int(row["collateral"])) / USDC,
            leverage=wire_leverage(int(row["leverage"])),
            price=Decimal(int(row["price"])) / TICKS,
            paid_out_usd=Decimal(int(row.get("paidOut") or 0)) / USDC,
            at_ms=int(row["at"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
