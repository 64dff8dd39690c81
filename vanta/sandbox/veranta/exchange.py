"""The venue's books: positions, balances, delegates, used nonces, and a journal of every executed intent.

Integers are the wire's raw units: USDC 1e6; prices, leverage and coin size 1e10.
"""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
USDC_RAW = 10**6
PRICE_RAW = 10**10
START_BALANCE = 10_000 * USDC_RAW
LIQUIDATION_THRESHOLD_P = 85


@dataclass(slots=True)
class OpenPosition:
    """One position of one trader in one pair."""

    trader: str
    pair_index: int
    index: int
    is_long: bool
    is_upside: bool
    collateral: int
    leverage: int
    open_price: int
    take_profit: int
    stop_loss: int
    opened_at_s: int

    @property
    def notional(self) -> int:
        return self.collateral * self.leverage // PRICE_RAW

    @property
    def liquidation_price(self) -> int:
        distance = self.open_price * LIQUIDATION_THRESHOLD_P * PRICE_RAW // (100 * self.leverage)
        return max(self.open_price - distance, 0) if self.is_long else self.open_price + distance

    def profit(self, price: int, collateral: int) -> int:
        """Gross profit in raw USDC of closing `collateral` of it at a price."""
        move = price - self.open_price if self.is_long else self.open_price - price
        return collateral * self.leverage * move // (self.open_price * PRICE_RAW)

    def as_core(self) -> Json:
        """The position as core's /user-data writes it."""
        return {
            "trader": self.trader,
            "pairIndex": self.pair_index,
            "index": self.index,
            "buy": self.is_long,
            "isPnl": self.is_upside,
            "collateral": str(self.collateral),
            "leverage": str(self.leverage),
            "openPrice": str(self.open_price),
            "tp": str(self.take_profit),
            "sl": str(self.stop_loss),
            "liquidationPrice": str(self.liquidation_price),
            "rolloverFee": "0",
            "unrealisedFundingFee": "0",
            "lossProtection": "0",
            "openedAt": self.opened_at_s,
            "priceTriggers": [],
        }

    def as_trade(self) -> Json:
        """The stored trade `t` of a fill event."""
        return {
            "trader": self.trader,
            "pairIndex": str(self.pair_index),
            "index": str(self.index),
            "initialPosToken": str(self.collateral),
            "positionSizeUSDC": str(self.collateral),
            "openPrice": str(self.open_price),
            "buy": self.is_long,
            "leverage": str(self.leverage),
            "tp": str(self.take_profit),
            "sl": str(self.stop_loss),
            "timestamp": str(self.opened_at_s),
        }


class Exchange:
    """All traders' books. Keys are lower-case addresses."""

    def __init__(self) -> None:
        self.positions: list[OpenPosition] = []
        self.used_nonces: set[tuple[str, int]] = set()
        self.journal: list[Json] = []
        self._balances: dict[str, int] = {}
        self._delegates: dict[tuple[str, str], int] = {}
        self._order_ids = itertools.count(1)

    def next_order_id(self) -> int:
        return next(self._order_ids)

    def of(self, trader: str) -> list[OpenPosition]:
        return [position for position in self.positions if position.trader.lower() == trader.lower()]

    def find(self, trader: str, pair_index: int, index: int) -> OpenPosition | None:
        mine = (p for p in self.of(trader) if p.pair_index == pair_index and p.index == index)
        return next(mine, None)

    def free_index(self, trader: str, pair_index: int) -> int:
        taken = {position.index for position in self.of(trader) if position.pair_index == pair_index}
        return next(index for index in itertools.count() if index not in taken)

    def open_interest(self, pair_index: int) -> tuple[float, float]:
        """Long and short notional in USDC of what was opened here."""
        sums = [0, 0]
        for position in self.positions:
            if position.pair_index == pair_index:
                sums[0 if position.is_long else 1] += position.notional
        return sums[0] / USDC_RAW, sums[1] / USDC_RAW

    def balance(self, trader: str) -> int:
        return self._balances.get(trader.lower(), START_BALANCE)

    def pay(self, trader: str, amount: int) -> None:
        """Adds to a balance; a negative amount is taken from it."""
        self._balances[trader.lower()] = self.balance(trader) + amount

    def use_nonce(self, trader: str, nonce: int) -> bool:
        """True the first time; a nonce is used once and for all."""
        key = (trader.lower(), nonce)
        if key in self.used_nonces:
            return False
        self.used_nonces.add(key)
        return True

    def is_nonce_used(self, trader: str, nonce: int) -> bool:
        return (trader.lower(), nonce) in self.used_nonces

    def set_delegate(self, trader: str, delegate: str, expiry_s: int) -> None:
        self._delegates[(trader.lower(), delegate.lower())] = expiry_s

    def delegate_expiry(self, trader: str, delegate: str) -> int:
        """When the delegation ends, in Unix seconds; 0 where there is none."""
        return self._delegates.get((trader.lower(), delegate.lower()), 0)

    def may_sign(self, trader: str, signer: str) -> bool:
        return signer.lower() == trader.lower() or self.delegate_expiry(trader, signer) > time.time()
