"""What every venue offers: prepare the exact message, submit it, find out what became of it."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from trading.models import Intent, Order


@dataclass(frozen=True, slots=True)
class Prepared:
    """A message that is ready to be committed and then submitted, unchanged however often."""

    nonce: str
    payload: dict[str, Any]
    deadline: dt.datetime


@dataclass(frozen=True, slots=True)
class Filled:
    """The venue executed the order. Amounts in USDC; `pnl_usd` is gross, `payout_usd` what came back (closing only).

    `detail` is what else the order's history should say of it.
    """

    venue_fill_id: str
    price: Decimal
    executed_at: dt.datetime
    fee_usd: Decimal
    liquidation_price: Decimal | None = None
    accrued_usd: Decimal = Decimal(0)
    pnl_usd: Decimal = Decimal(0)
    payout_usd: Decimal = Decimal(0)
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rejected:
    """The venue refused, and it is proven that nothing was or will be executed."""

    reason: str
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Expired:
    """It is proven that the message was never executed and, being past its deadline, never will be."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody can say yet; only evidence from the venue ends this."""

    reason: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """The venue says that it has done nothing yet: the identical message is submitted again before its deadline."""

    reason: str


Outcome = Filled | Rejected | Expired | Unknown | Waiting


class Venue(Protocol):
    """A place that executes orders, each intent once at most, however often it is submitted."""

    def prepare(self, order: Order) -> Prepared:
        """The exact message for this order; nothing leaves the process."""
        ...

    def submit(self, intents: Sequence[Intent]) -> dict[str, Outcome]:
        """Send each intent's stored payload; outcomes by nonce. Never raises for a single intent's failure."""
        ...

    def find(self, intent: Intent) -> Outcome:
        """What became of an intent that was, or may have been, submitted."""
        ...
