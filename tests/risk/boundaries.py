"""Every rule's boundary as rows: what passes at the limit, what is denied a tick beyond, what the trader reads then.

A new rule needs one row, in the table of its kind (`boundaries_of_amounts`, `boundaries_of_conditions`,
`boundaries_of_live`); `test_check_boundaries.py` says which code has none.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from risk.checks import AccountSnapshot, Day, Exposure, MarketRules
from risk.usage import WINDOWS, Standing, Usage
from risk.values import Limits, Losses, Protections
from tests.risk.cases import ETH, ETH_UPSIDE, LIMITS, mark, order

D = Decimal
UPSIDE = {"market": ETH_UPSIDE}


@dataclass(frozen=True, slots=True)
class Row:
    """`passes` and `denied` are what differs from a valid order, see `tests.risk.cases.decide`.

    `words` is the whole denial as its trader reads it, the hint at what would pass on a second line.
    """

    code: str
    passes: dict[str, Any]
    denied: dict[str, Any]
    words: str
    title: str = ""
    beside: tuple[str, ...] = ()  # what else a tick beyond this limit breaks

    def __str__(self) -> str:
        return f"{self.code} {self.title}".strip()


def market(**changes: Any) -> dict[str, MarketRules]:
    return {"market": replace(ETH, **changes)}


def held(notional: str, **changes: Any) -> dict[str, AccountSnapshot]:
    """So much in the market, of an account that nothing else limits."""
    return {"account": AccountSnapshot(D(10_000_000), exposure=Exposure(D(notional), **changes))}


def lost(usd: str, **changes: Any) -> dict[str, AccountSnapshot]:
    """10 000 at 00:00 UTC, so much less now."""
    return {"account": AccountSnapshot(10_000 - D(usd), day=Day(D(10_000), **changes))}


def used(code: str, amount: str, retry_after_ms: int | None = 0) -> dict[str, Usage]:
    """So much of one window, nothing of the others."""
    free = {window.code: Standing(D(0)) for window in WINDOWS}
    return {"usage": Usage(free | {code: Standing(D(amount), retry_after_ms)})}


def protected(losses: Losses, equity: str = "10000", **switched_on: Any) -> dict[str, AccountSnapshot | Limits]:
    """What was lost lately, and a protection against it."""
    limits = replace(LIMITS, protections=Protections(**switched_on))
    return {"account": AccountSnapshot(D(equity), losses=losses), "limits": limits}


def sized(collateral: str = "100", leverage: str = "10", **changes: Any) -> dict[str, Any]:
    """An order by its size and leverage."""
    return {"order": order(collateral, leverage, **changes)}


def stopped(stop: str, leverage: str = "10", **changes: Any) -> dict[str, Any]:
    return {"order": order("100", leverage, stop=stop, **changes)}


def waiting(limit: str, **changes: Any) -> dict[str, Any]:
    """An order that waits for this price: a long one below the mark, where nothing else is said."""
    return sized(limit=limit, **changes)


def upside(collateral: str, leverage: str, **changes: Any) -> dict[str, Any]:
    """An order in the Upside market of the pair."""
    return UPSIDE | sized(collateral, leverage, market="ETH_UPSIDE/USD", **changes)


def exact(**changes: Any) -> dict[str, Any]:
    """No spread, no uncertainty: distances are those that one computes in one's head."""
    return {"market": replace(ETH, spread_rate=D(0)), "mark": mark(uncertainty="0"), **changes}


def uncertain(uncertainty: str) -> dict[str, Any]:
    """So uncertain a price, which nothing but the liquidation buffer minds."""
    limits = replace(LIMITS, price_max_uncertainty_share=D(1))
    return exact(mark=mark(uncertainty=uncertainty), limits=limits)
