"""What a trader can have at the venue: open positions, their triggers, resting orders.

Integers are the wire's raw units: USDC 1e6; prices, leverage and coin size 1e10.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
USDC_RAW = 10**6
PRICE_RAW = 10**10
LIQUIDATION_THRESHOLD_P = 85
LIMIT, STOP_LIMIT = 2, 1
_TP, _SL, PARTIAL_TP, PARTIAL_SL = 0, 1, 4, 5
PERCENTAGE = 1


@dataclass(slots=True)
class Trigger:
    """A partial take-profit or stop-loss that the venue keeps off the chain; `order_type` 4 or 5."""

    entity_id: str
    order_type: int
    trigger_type: int
    coin_size: int
    price: int
    percentage: int
    sign_timestamp_ms: int
    nonce: int


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
    triggers: list[Trigger] = field(default_factory=list)

    @property
    def notional(self) -> int:
        return self.collateral * self.leverage // PRICE_RAW

    @property
    def coins(self) -> int:
        """Size in the base asset."""
        return self.notional * PRICE_RAW * PRICE_RAW // self.open_price // USDC_RAW

    @property
    def liquidation_price(self) -> int:
        distance = self.open_price * LIQUIDATION_THRESHOLD_P * PRICE_RAW // (100 * self.leverage)
        return max(self.open_price - distance, 0) if self.is_long else self.open_price + distance

    def profit(self, price: int, collateral: int) -> int:
        """Gross profit in raw USDC of closing `collateral` of it at a price."""
        move = price - self.open_price if self.is_long else self.open_price - price
        return collateral * self.leverage * move // (self.open_price * PRICE_RAW)

    def price_after(self, percent_raw: int) -> int:
        """The price at which the position has gained so many percent of its collateral; negative for a loss."""
        move = self.open_price * percent_raw // (100 * self.leverage)
        return max(self.open_price + move if self.is_long else self.open_price - move, 1)

    def trigger_price(self, trigger: Trigger) -> int:
        return self.price_after(trigger.percentage) if trigger.trigger_type == PERCENTAGE else trigger.price

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
            "priceTriggers": self._price_triggers(),
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

    def _price_triggers(self) -> list[Json]:
        place = f"{self.trader}-{self.pair_index}-{self.index}"
        told = []
        for name, order_type, price in (("tp", _TP, self.take_profit), ("sl", _SL, self.stop_loss)):
            if price:
                whole = Trigger(f"global-{name}-{place}", order_type, 0, self.coins, price, 0, 0, 0)
                told.append(self.as_price_trigger(whole, is_global=True))
        return told + [self.as_price_trigger(trigger) for trigger in self.triggers]

    def as_price_trigger(self, trigger: Trigger, *, is_global: bool = False) -> Json:
        return {
            "entityId": trigger.entity_id,
            "trader": self.trader,
            "pairIndex": self.pair_index,
            "index": self.index,
            "isGlobal": is_global,
            "orderType": trigger.order_type,
            "triggerType": trigger.trigger_type,
            "buy": self.is_long,
            "coinSize": str(trigger.coin_size),
            "price": str(trigger.price),
            "percentage": str(trigger.percentage),
            "finalTriggerPrice": str(self.trigger_price(trigger)),
            "timestamp": self.opened_at_s,
            "signTimestamp": trigger.sign_timestamp_ms,
        }


@dataclass(slots=True)
class RestingOrder:
    """A limit (2) or stop-limit (1) order that waits for its price; its collateral is held by the venue."""

    trader: str
    pair_index: int
    index: int
    is_long: bool
    order_type: int
    collateral: int
    leverage: int
    price: int
    slippage_p: int
    take_profit: int
    stop_loss: int
    order_id: int
    block: int

    def is_reached(self, mark: int) -> bool:
        """Whether a price is at the order's, or beyond it on its own side."""
        waits_below = self.is_long == (self.order_type == LIMIT)
        return mark <= self.price if waits_below else mark >= self.price

    def as_core(self) -> Json:
        return {
            "trader": self.trader,
            "pairIndex": self.pair_index,
            "index": self.index,
            "buy": self.is_long,
            "orderType": self.order_type,
            "collateral": str(self.collateral),
            "positionSize": str(self.collateral),
            "price": str(self.price),
            "leverage": str(self.leverage),
            "tp": str(self.take_profit),
            "sl": str(self.stop_loss),
            "slippageP": str(self.slippage_p),
            "orderId": str(self.order_id),
            "block": self.block,
        }
