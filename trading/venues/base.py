"""What every venue offers: prepare the exact message, submit it, find out what became of it."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from trading.errors import TradingError
from trading.models import Intent, Order


@dataclass(frozen=True, slots=True)
class Prepared:
    """A message that is ready to be committed and then submitted, unchanged however often."""

    nonce: str
    payload: dict[str, Any]
    deadline: dt.datetime


@dataclass(frozen=True, slots=True)
class Trade:
    """What an opening became at a venue that keeps trades of its own: what it holds, and how to name it."""

    collateral_usd: Decimal
    leverage: Decimal
    index: int
    opened_at_s: int


@dataclass(frozen=True, slots=True)
class Grown:
    """What an increased trade is at a venue that keeps trades of its own: all of it, not what was added."""

    collateral_usd: Decimal
    leverage: Decimal
    entry_price: Decimal


@dataclass(frozen=True, slots=True)
class Filled:
    """The venue executed the order. Amounts in USDC; `pnl_usd` is gross, `payout_usd` what came back (closing only).

    `detail` is what else the order's history should say of it. Without a `trade` an opening holds what was ordered, and
    an increase added it; without `closed_usd` a closing took all that was ordered out of the collateral. An increase's
    `trade` is the part that was added, `grown` the whole that came of it, where the venue tells.
    """

    venue_fill_id: str
    price: Decimal
    executed_at: dt.datetime
    fee_usd: Decimal
    liquidation_price: Decimal | None = None
    accrued_usd: Decimal = Decimal(0)
    pnl_usd: Decimal = Decimal(0)
    payout_usd: Decimal = Decimal(0)
    closed_usd: Decimal | None = None
    trade: "Trade | None" = None
    grown: "Grown | None" = None
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Changed:
    """The venue changed the position as the order says; no fill comes of it. Amounts in USDC.

    `moved_usd` went into its collateral (negative: out of it). Without a `leverage` the notional stayed, without a
    `liquidation_price` it follows from the rest. Stops are those that hold now, where the order was about them.
    """

    executed_at: dt.datetime
    moved_usd: Decimal = Decimal(0)
    leverage: Decimal | None = None
    liquidation_price: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resting:
    """The venue holds the order, and `escrow_usd` for it, until the price is there. `index` is its place there.

    `seen_at` is when the venue was asked, where that is not when it was placed: what happens there may be later.
    """

    placed_at: dt.datetime
    escrow_usd: Decimal
    index: int | None = None
    venue_order_id: str = ""
    detail: dict[str, Any] = field(default_factory=dict)
    seen_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Canceled:
    """A resting order was taken back and what was held for it paid out; it is never executed.

    Of a cancel: the order that it is about; of a resting order: itself, by somebody or something else.
    """

    executed_at: dt.datetime
    reason: str = "canceled_at_venue"
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rejected:
    """The venue refused, and it is proven that nothing was or will be executed.

    `is_of_only_attempt`: proven as long as it was sent no second time.
    """

    reason: str
    detail: dict[str, Any] = field(default_factory=dict)
    is_of_only_attempt: bool = False


@dataclass(frozen=True, slots=True)
class Expired:
    """It is proven that the message was never executed and, being past its deadline, never will be."""

    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The venue took it and will say how it ended: it is looked at again soon."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody can say yet; only evidence from the venue ends this.

    `may_resubmit`: the identical message can bring it on, until its deadline. `may_void`: the message has no end of its
    own and can be made unusable, where it is not to be sent again.
    """

    reason: str
    may_resubmit: bool = True
    may_void: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """The venue says that it has done nothing yet: the identical message is submitted again before its deadline."""

    reason: str


Outcome = Filled | Changed | Resting | Canceled | Rejected | Expired | Accepted | Unknown | Waiting


class CannotPrepare(TradingError):
    """There will be no message for this order; `reason` is the code that its trader is told."""

    code = "cannot_prepare"

    def __init__(self, reason: str, *, order_id: int) -> None:
        super().__init__(reason=reason, order_id=order_id)
        self.reason = reason


class NotYet(TradingError):
    """There can be no message for this order at the moment: it is asked for again at the next look."""

    code = "not_yet"
    retryable = True


class Venue(Protocol):
    """A place that executes orders, each intent once at most, however often it is submitted."""

    def is_ready(self) -> bool:
        """Whether messages can be prepared. Asked before orders are claimed, outside any transaction."""
        ...

    def prepare(self, order: Order) -> Prepared:
        """The exact message for this order; nothing leaves the process. Raises CannotPrepare, NotYet."""
        ...

    def submit(self, intents: Sequence[Intent], *, start_by: float | None = None) -> dict[str, Outcome]:
        """Send each intent's stored payload; outcomes by nonce. Never raises for a single intent's failure.

        Nothing leaves after `start_by` (`clock.monotonic()`): whoever was paused until then has old news of a stop.
        """
        ...

    def void(self, intent: Intent, *, start_by: float | None = None) -> Outcome:
        """Make the message of an intent unusable that has no end of its own; evidence will say which came first."""
        ...

    def ask(self, intents: Sequence[Intent]) -> None:
        """Learn, of all at once, what there is to know; what fails leaves things as they were. In no transaction."""
        ...

    def find(self, intent: Intent) -> Outcome:
        """What became of an intent that was, or may have been, submitted."""
        ...
