"""The terms of an order in the wire's units, and the message that says them, written down apart from the SDK. Pure.

Integers are the wire's: USDC 1e6; price, leverage and percent 1e10; 0 is no trigger; deadlines in milliseconds.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from trading.venues.avantis import structs

MARKET, MARKET_UPSIDE = 0, 3  # an opening's `_type`
Content = dict[str, Any]


class OrderType(IntEnum):
    """What the batched-market service calls the kinds of orders."""

    OPEN = 0
    CLOSE = 1
    OPEN_UPSIDE = 6
    CLOSE_UPSIDE = 7
    INCREASE = 9  # of Upside positions too


@dataclass(frozen=True, slots=True)
class OpenTerms:
    """An opening in the wire's units: USDC 1e6; price, leverage and percent 1e10; 0 is no trigger."""

    trader: str
    pair_index: int
    is_long: bool
    is_upside: bool
    collateral: int
    leverage: int
    price: int
    slippage_percent: int
    take_profit: int
    stop_loss: int
    deadline_ms: int
    nonce: int

    @property
    def order_type(self) -> OrderType:
        return OrderType.OPEN_UPSIDE if self.is_upside else OrderType.OPEN


@dataclass(frozen=True, slots=True)
class CloseTerms:
    """A closing, in whole or in part, of the one trade that `index` and `opened_at_s` name."""

    trader: str
    pair_index: int
    is_upside: bool
    index: int
    opened_at_s: int
    collateral: int
    price: int
    deadline_ms: int
    nonce: int

    @property
    def order_type(self) -> OrderType:
        return OrderType.CLOSE_UPSIDE if self.is_upside else OrderType.CLOSE


@dataclass(frozen=True, slots=True)
class StopTerms:
    """Both levels of the trade at `index`; 0 is none. The venue's message does not say which trade that is."""

    trader: str
    pair_index: int
    index: int
    take_profit: int
    stop_loss: int
    deadline_ms: int
    nonce: int


@dataclass(frozen=True, slots=True)
class IncreaseTerms:
    """More of the trade at `index`. The message does not say which of the trades that were ever there it means."""

    trader: str
    pair_index: int
    index: int
    collateral: int
    leverage: int
    price: int
    slippage_percent: int
    deadline_ms: int
    nonce: int

    @property
    def order_type(self) -> OrderType:
        return OrderType.INCREASE


MarketTerms = OpenTerms | CloseTerms | IncreaseTerms
Terms = MarketTerms | StopTerms


def message_of(terms: Terms) -> tuple[str, Content]:
    """The message as the order wants it: its kind and its content."""
    if isinstance(terms, CloseTerms):
        return structs.CLOSE, _closing(terms)
    if isinstance(terms, StopTerms):
        return structs.STOPS, _stops(terms)
    if isinstance(terms, IncreaseTerms):
        return structs.INCREASE, _increase(terms)
    return structs.OPEN, _opening(terms)


def _closing(terms: CloseTerms) -> Content:
    return {
        "_trader": terms.trader,
        "_pairIndex": terms.pair_index,
        "_index": terms.index,
        "_openTimestamp": terms.opened_at_s,
        "_amount": terms.collateral,
        "_wantedPrice": terms.price,
        "_deadline": terms.deadline_ms,
        "_nonce": terms.nonce,
    }


def _stops(terms: StopTerms) -> Content:
    return {
        "trader": terms.trader,
        "_pairIndex": terms.pair_index,
        "_index": terms.index,
        "_newTp": terms.take_profit,
        "_newSl": terms.stop_loss,
        "_deadline": terms.deadline_ms,
        "_nonce": terms.nonce,
    }


def _increase(terms: IncreaseTerms) -> Content:
    added = {
        "trader": terms.trader,
        "pairIndex": terms.pair_index,
        "index": terms.index,
        "openPrice": terms.price,
        "initialPosToken": terms.collateral,
        "leverage": terms.leverage,
    }
    return {
        "_updateInfo": added,
        "_slippageP": terms.slippage_percent,
        "_deadline": terms.deadline_ms,
        "_nonce": terms.nonce,
    }


def _opening(terms: OpenTerms) -> Content:
    trade = {
        "trader": terms.trader,
        "pairIndex": terms.pair_index,
        "index": 0,
        "initialPosToken": 0,
        "positionSizeUSDC": terms.collateral,
        "openPrice": terms.price,
        "buy": terms.is_long,
        "leverage": terms.leverage,
        "tp": terms.take_profit,
        "sl": terms.stop_loss,
        "timestamp": 0,
    }
    return {
        "_t": trade,
        "_type": MARKET_UPSIDE if terms.is_upside else MARKET,
        "_slippageP": terms.slippage_percent,
        "_deadline": terms.deadline_ms,
        "_nonce": terms.nonce,
    }
