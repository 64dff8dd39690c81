"""What became of an intent, from what is known of its submissions and of what the venue told. Pure.

A fill wins, wherever it is. A refusal is proof only where nothing else was ever sent. All else proves nothing: every
`Error` leaves a signature that can be executed until its deadline, and a second submission ends in an `Error`
precisely because the first was executed. The order and number of events never matter: they come twice and late.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

ACCEPTED = "MarketOrderAccepted"
FILLS = frozenset({"MarketOrderExecuted", "PositionSizeIncreased"})
CANCELED = "MarketOrderCanceled"
ERROR = "Error"
NOBODY = "0x" + "0" * 40  # a stored trade that was deleted
TICKS_PER_USDC = 10**4  # prices and leverage have 10 digits, USDC 6
LEVERAGE_ROUNDS = 10**6  # our books keep four digits of a leverage, the wire ten
IMPOSSIBLE = 2  # times the wanted price, or a part of it, that no fill can be at


@dataclass(frozen=True, slots=True)
class Submission:
    """One attempt; `http_status` of a refusal, `tracking_id` where the venue took it."""

    tracking_id: str = ""
    http_status: int | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a tracking id, however often it was told."""

    tracking_id: str
    seq: int
    kind: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Expected:
    """What a fill of this order looks like, in the wire's units; the trade that it takes from or adds to, else None.

    `held_collateral` and `held_leverage` are what an increase adds to, None for all else.
    """

    trader: str
    pair_index: int
    is_long: bool
    collateral: int
    leverage: int
    price: int
    index: int | None = None
    opened_at_s: int | None = None
    held_collateral: int | None = None
    held_leverage: int | None = None

    @property
    def is_increase(self) -> bool:
        return self.held_collateral is not None

    @property
    def is_closing(self) -> bool:
        return self.index is not None and not self.is_increase

    @property
    def held_size(self) -> int:
        """Collateral times leverage, both in the wire's units."""
        return (self.held_collateral or 0) * (self.held_leverage or 0)


@dataclass(frozen=True, slots=True)
class Executed:
    """Proven: filled. `payload` is the venue's own account of it; `others` counts further, different fills."""

    payload: Mapping[str, Any]
    kind: str
    tracking_id: str
    others: int = 0


@dataclass(frozen=True, slots=True)
class Refused:
    """Proven: never executed, and never will be."""

    reason: str


@dataclass(frozen=True, slots=True)
class UnderWay:
    """The venue took it and has not said how it ended."""

    tracking_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Disputed:
    """A fill was told that is not what was ordered: nothing is booked, a person looks at it."""

    differences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Undecided:
    """Nothing is proven."""

    reason: str


Verdict = Executed | Refused | UnderWay | Disputed | Undecided


def judge(submissions: Sequence[Submission], events: Sequence[Event], expected: Expected) -> Verdict:
    """The verdict on one intent. `submissions` are all attempts that were ever committed."""
    fills = sorted((e for e in events if e.kind in FILLS), key=lambda event: (event.tracking_id, event.seq))
    matching = [event for event in fills if not differences(expected, event.payload)]
    if matching:
        first = matching[0]
        distinct = {_identity(event.payload) for event in matching}
        return Executed(first.payload, first.kind, first.tracking_id, others=len(distinct) - 1)
    if fills:
        return Disputed(tuple(differences(expected, fills[0].payload)))
    if len(submissions) == 1 and (reason := _refusal(submissions[0], events)):
        return Refused(reason)
    over = {event.tracking_id for event in events if event.kind in (CANCELED, ERROR)}
    waiting = {submission.tracking_id for submission in submissions if submission.tracking_id} - over
    if waiting:
        return UnderWay(tuple(sorted(waiting)))
    return Undecided("ended_in_error" if over else "no_answer")


def _refusal(only: Submission, events: Sequence[Event]) -> str:
    """Why the venue refused what was sent once; empty where it did not."""
    if only.http_status == HTTPStatus.BAD_REQUEST:
        return "venue_refused"
    canceled = [e for e in events if e.kind == CANCELED and only.tracking_id and e.tracking_id == only.tracking_id]
    if not canceled:
        return ""
    told = min(canceled, key=lambda event: event.seq).payload.get("reason")
    return f"canceled_by_venue:{told}"[:80] if isinstance(told, str) and told else "canceled_by_venue"


def _identity(payload: Mapping[str, Any]) -> tuple[str, str]:
    """What tells one fill from another, whatever tracking id it is told under."""
    return str(payload.get("orderId")), str(payload.get("transactionHash"))


def differences(expected: Expected, payload: Mapping[str, Any]) -> list[str]:
    """In what a fill differs from the order; an unreadable one differs in everything."""
    trade = payload.get("t")
    price = price_of(expected, payload)
    if not isinstance(trade, Mapping) or price is None:
        return ["unreadable"]
    found = [] if _is_possible(price, expected.price) else ["price"]
    if expected.is_closing and str(trade.get("trader", "")).lower() == NOBODY:
        return found + ([] if whole(payload.get("usdcSentToTrader")) is not None else ["payout"])
    found += [] if str(trade.get("trader", "")).lower() == expected.trader.lower() else ["trader"]
    found += [] if whole(trade.get("pairIndex")) == expected.pair_index else ["pair"]
    found += [] if trade.get("buy") is expected.is_long else ["side"]
    if expected.is_increase:
        return found + _unlike_increase(expected, trade, payload, price)
    return found + (_unlike_trade(expected, trade, payload) if expected.is_closing else _larger(expected, trade))


def price_of(expected: Expected, payload: Mapping[str, Any]) -> int | None:
    """The price of a fill. An increase that tells none (unverified) tells how many coins its notional bought."""
    trade = payload.get("t")
    if "price" in payload or not expected.is_increase or not isinstance(trade, Mapping):
        return whole(payload.get("price"))
    coins = whole(payload.get("coinExposureAdded"))
    size = (whole(trade.get("initialPosToken")) or 0) * (whole(trade.get("leverage")) or 0) - expected.held_size
    return size * TICKS_PER_USDC // coins if coins and size > 0 else None


def _unlike_increase(expected: Expected, trade: Mapping[str, Any], payload: Mapping[str, Any], price: int) -> list[str]:
    """An increase makes its own trade larger, by no more than was ordered; a closing may have made it smaller."""
    is_same = (whole(trade.get("index")), whole(trade.get("timestamp"))) == (expected.index, expected.opened_at_s)
    found = [] if is_same else ["trade"]
    collateral, leverage = whole(trade.get("initialPosToken")), whole(trade.get("leverage"))
    held, ordered = expected.held_collateral or 0, expected.collateral * expected.leverage
    found += [] if collateral and collateral <= held + expected.collateral else ["collateral"]
    most = expected.held_size + ordered + held * LEVERAGE_ROUNDS
    found += [] if leverage and (collateral or 0) * leverage <= most else ["notional"]
    coins = whole(payload.get("coinExposureAdded")) or 0
    return found if coins * price * 100 <= ordered * TICKS_PER_USDC * 101 else [*found, "coins"]


def _unlike_trade(expected: Expected, trade: Mapping[str, Any], payload: Mapping[str, Any]) -> list[str]:
    """A closing takes from one trade and pays out."""
    is_same = (whole(trade.get("index")), whole(trade.get("timestamp"))) == (expected.index, expected.opened_at_s)
    is_paid = whole(payload.get("usdcSentToTrader")) is not None
    return ([] if is_same else ["trade"]) + ([] if is_paid else ["payout"])


def _larger(expected: Expected, trade: Mapping[str, Any]) -> list[str]:
    """An opening is never larger than what was ordered, and can be found again."""
    collateral, leverage = whole(trade.get("initialPosToken")), whole(trade.get("leverage"))
    found = [] if collateral and collateral <= expected.collateral else ["collateral"]
    most = expected.collateral * expected.leverage
    found += [] if leverage and (collateral or 0) * leverage <= most else ["notional"]
    is_named = whole(trade.get("index")) is not None and whole(trade.get("timestamp"))
    return found if is_named else [*found, "trade"]


def _is_possible(price: int, wanted: int) -> bool:
    return price > 0 and (wanted == 0 or wanted < price * IMPOSSIBLE < wanted * IMPOSSIBLE**2)


def whole(value: Any) -> int | None:
    """A non-negative integer that the venue may write as text; None for anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if value >= 0 else None
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 80 else None
