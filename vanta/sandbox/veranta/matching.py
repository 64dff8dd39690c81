"""Opens, increases and closes positions as the contracts would, and writes each of it into the journal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vanta.sandbox.catalogue import PairSpec
from vanta.sandbox.veranta.journal import Cause
from vanta.sandbox.veranta.positions import PRICE_RAW, USDC_RAW, OpenPosition
from vanta.sandbox.veranta.pricing import (
    check_leverage,
    check_slippage,
    check_triggers,
    close_fee,
    corrected_take_profit,
    fill_price,
    gain_share,
    open_fee,
    pair_of,
)
from vanta.sandbox.veranta.refusals import Canceled, Reverted
from vanta.sandbox.world import World

Json = dict[str, Any]
MARKET, MARKET_PNL = 0, 3


@dataclass(frozen=True, slots=True)
class Opening:
    """What is to be opened. Of a limit order the venue holds the collateral already and knows the `order_id`."""

    trader: str
    pair_index: int
    is_long: bool
    collateral: int
    leverage: int
    wanted_price: int
    slippage_p: int
    take_profit: int
    stop_loss: int
    order_type: int = MARKET
    order_id: int = 0

    @property
    def notional(self) -> int:
        return self.collateral * self.leverage // PRICE_RAW


@dataclass(frozen=True, slots=True)
class Fill:
    """What a fill event carries, in raw units.

    `trade` is the position as an opening stored it, or as it was before a close; `collateral` is of what was done.
    """

    event: str
    price: int
    coins: int
    collateral: int
    paid_out: int
    percent_profit: int
    is_upside: bool
    trade: Json
    order_id: int
    effect: Json

    @property
    def tx_hash(self) -> str:
        return str(self.effect["transactionHash"])

    def payload(self) -> Json:
        return {
            "orderId": str(self.order_id),
            "transactionHash": self.tx_hash,
            "price": str(self.price),
            "positionSizeUSDC": str(self.collateral),
            "percentProfit": str(self.percent_profit),
            "usdcSentToTrader": str(self.paid_out),
            "isPnl": self.is_upside,
            "coinExposureAdded" if self.event == "PositionSizeIncreased" else "coinExposure": str(self.coins),
            "t": self.trade,
        }


def check_funds(world: World, trader: str, amount: int) -> None:
    """Raises Reverted where the wallet cannot pay."""
    if world.exchange.balance(trader) < amount:
        raise Reverted("InsufficientBalance")
    if world.exchange.allowance(trader) < amount:
        raise Reverted("InsufficientAllowance")


def check_opening(world: World, asked: Opening, spec: PairSpec) -> None:
    """The checks that fail the whole transaction; raises Reverted."""
    if spec.is_upside != (asked.order_type == MARKET_PNL):
        raise Reverted("PnlOrderNotAllowed")
    check_leverage(spec, asked.leverage)
    if asked.notional < spec.group_facts.min_notional * USDC_RAW:
        raise Reverted("BelowMinLevPos")
    if not asked.order_id:
        check_funds(world, asked.trader, asked.collateral)


def open_position(world: World, cause: Cause, asked: Opening, *, kind: str = "open", price: int | None = None) -> Fill:
    """Opens at the present price, or at a given one; raises Canceled or Reverted before anything is changed."""
    spec = pair_of(world, asked.pair_index)
    check_opening(world, asked, spec)
    if price is None:
        price = fill_price(world, spec, is_buying=asked.is_long, notional=asked.notional)
        check_slippage(asked.wanted_price, price, asked.slippage_p, is_buying=asked.is_long)
    position = OpenPosition(
        trader=asked.trader,
        pair_index=spec.index,
        index=world.exchange.free_index(asked.trader, spec.index),
        is_long=asked.is_long,
        is_upside=spec.is_upside,
        collateral=asked.collateral - open_fee(spec, asked.notional),
        leverage=asked.leverage,
        open_price=price,
        take_profit=0,
        stop_loss=asked.stop_loss,
        opened_at_s=int(world.exchange.blocks.now_s()),
    )
    check_triggers(position, asked.take_profit, asked.stop_loss, price)
    position.take_profit = corrected_take_profit(spec, position, asked.take_profit)
    if not asked.order_id:
        world.exchange.take(asked.trader, asked.collateral)
    world.exchange.positions.append(position)
    return _filled(world, cause, kind, position, price, asked.collateral, order_id=asked.order_id)


def close_position(
    world: World,
    cause: Cause,
    position: OpenPosition,
    amount: int,
    *,
    kind: str = "close",
    price: int | None = None,
) -> Fill:
    """Closes so much of the collateral, at the present price or at a given one; raises Canceled."""
    spec = pair_of(world, position.pair_index)
    closed = min(amount, position.collateral)
    notional = closed * position.leverage // PRICE_RAW
    if price is None:
        price = fill_price(world, spec, is_buying=not position.is_long, notional=notional)
    profit = position.profit(price, closed)
    paid_out = max(closed + profit - gain_share(spec, profit, closed) - close_fee(spec, notional), 0)
    if kind == "liquidation":
        paid_out = 0
    world.exchange.pay(position.trader, paid_out)
    fill = _filled(world, cause, kind, position, price, closed, paid_out)
    position.collateral -= closed
    if position.collateral == 0:
        world.exchange.positions.remove(position)
    return fill


def increase_position(world: World, cause: Cause, asked: Json, slippage_p: int) -> Fill:
    """Adds to a position at the present price; `asked` is the struct UpdatePositionSize."""
    exchange = world.exchange
    position = exchange.find(asked["trader"], asked["pairIndex"], asked["index"])
    if position is None:
        raise Canceled("NoTrade")
    spec = pair_of(world, position.pair_index)
    added = asked["initialPosToken"]
    check_leverage(spec, asked["leverage"])
    check_funds(world, position.trader, added)
    notional = added * asked["leverage"] // PRICE_RAW
    price = fill_price(world, spec, is_buying=position.is_long, notional=notional)
    check_slippage(asked["openPrice"], price, slippage_p, is_buying=position.is_long)
    exchange.take(position.trader, added)
    whole = position.notional + notional
    # Coins add up: the price is all of the notional over all of the coins.
    apart = position.notional * price + notional * position.open_price
    position.open_price = whole * position.open_price * price // apart
    position.collateral += added - open_fee(spec, notional)
    position.leverage = whole * PRICE_RAW // position.collateral
    return _filled(world, cause, "increase", position, price, added)


def _filled(
    world: World,
    cause: Cause,
    kind: str,
    position: OpenPosition,
    price: int,
    collateral: int,
    paid_out: int = 0,
    order_id: int = 0,
) -> Fill:
    order_id = order_id or world.exchange.next_order_id()
    is_opening = kind in {"open", "increase", "limit_fill"}
    profit = 0 if is_opening else position.profit(price, collateral)
    effect = world.exchange.journal.record(
        kind,
        cause,
        pairIndex=position.pair_index,
        index=position.index,
        orderId=order_id,
        isLong=position.is_long,
        collateral=collateral,
        leverage=position.leverage,
        price=price,
        paidOut=paid_out,
        takeProfit=position.take_profit,
        stopLoss=position.stop_loss,
        openedAt=position.opened_at_s,
    )
    notional = position.notional if kind in {"open", "limit_fill"} else collateral * position.leverage // PRICE_RAW
    return Fill(
        event="PositionSizeIncreased" if kind == "increase" else "MarketOrderExecuted",
        price=price,
        coins=notional * PRICE_RAW * PRICE_RAW // price // USDC_RAW,
        collateral=position.collateral if is_opening else collateral,
        paid_out=paid_out,
        percent_profit=profit * 100 * PRICE_RAW // collateral if collateral else 0,
        is_upside=position.is_upside,
        trade=position.as_trade(),
        order_id=order_id,
        effect=effect,
    )
