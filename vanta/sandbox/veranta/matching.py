"""Executes a decoded intent at the model's price plus the pair's spread, as the contracts would."""

from __future__ import annotations

import time
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from eth_utils.crypto import keccak

from vanta.sandbox.catalogue import PairSpec
from vanta.sandbox.veranta.exchange import PRICE_RAW, USDC_RAW, OpenPosition
from vanta.sandbox.veranta.intents import Intent
from vanta.sandbox.veranta.risk import spread_p
from vanta.sandbox.world import World

Json = dict[str, Any]
HUNDRED = Decimal(100)


class Canceled(Exception):
    """The protocol declined the fill; the nonce is used all the same."""


@dataclass(frozen=True, slots=True)
class Fill:
    """What a fill event carries, in raw units."""

    event: str
    position: OpenPosition
    price: int
    paid_out: int
    percent_profit: int
    tx_hash: str
    order_id: int

    def payload(self) -> Json:
        coins = self.position.notional * PRICE_RAW * PRICE_RAW // self.price // USDC_RAW
        return {
            "orderId": str(self.order_id),
            "transactionHash": self.tx_hash,
            "price": str(self.price),
            "positionSizeUSDC": str(self.position.collateral),
            "percentProfit": str(self.percent_profit),
            "usdcSentToTrader": str(self.paid_out),
            "isPnl": self.position.is_upside,
            "coinExposure": str(coins),
            "t": self.position.as_trade(),
        }


def execute(world: World, intent: Intent, order_id: int) -> Fill:
    """Fills an intent whose nonce was just used; raises Canceled."""
    if intent.kind == "OpenTradeReq":
        fill = _open(world, intent, order_id)
    elif intent.kind == "CloseTradeReq":
        fill = _close(world, intent, order_id)
    else:
        fill = _increase(world, intent, order_id)
    world.exchange.journal.append(_entry(intent, fill))
    return fill


def _entry(intent: Intent, fill: Fill) -> Json:
    return {
        "kind": intent.kind,
        "trader": intent.trader,
        "signer": intent.signer,
        "nonce": str(intent.nonce),
        "deadlineMs": intent.deadline_ms,
        "digest": "0x" + intent.digest.hex(),
        "event": fill.event,
        "at": int(time.time()),
        **fill.payload(),
    }


def _pair(world: World, index: int) -> PairSpec:
    spec = world.listing.by_index.get(index)
    if spec is None:
        raise Canceled("PairNotListed")
    return spec


def _price(world: World, spec: PairSpec, *, is_buying: bool, notional: int) -> int:
    """The model's price, moved against the trader by the spread; raw."""
    if spec.price_symbol in world.closed_markets:
        raise Canceled("MarketClosed")
    mark = Decimal(repr(world.quote("feed", spec).price))
    share = spread_p(spec, Decimal(notional) / USDC_RAW) / HUNDRED
    return int(mark * (1 + share if is_buying else 1 - share) * PRICE_RAW)


def _check_slippage(wanted: int, got: int, slippage_p_raw: int, *, is_buying: bool) -> None:
    worst = wanted * slippage_p_raw // (100 * PRICE_RAW)
    if wanted and ((is_buying and got > wanted + worst) or (not is_buying and got < wanted - worst)):
        raise Canceled("HighSlippage")


def _open_fee(spec: PairSpec, notional: int) -> int:
    return 0 if spec.is_upside else int(notional * Decimal(str(spec.group_facts.open_fee_p)) / HUNDRED)


def _open(world: World, intent: Intent, order_id: int) -> Fill:
    trade: Json = intent.message["_t"]
    spec = _pair(world, trade["pairIndex"])
    collateral, leverage = trade["positionSizeUSDC"], trade["leverage"]
    notional = collateral * leverage // PRICE_RAW
    if notional < spec.group_facts.min_notional * USDC_RAW:
        raise Canceled("BelowMinLevPos")
    if world.exchange.balance(intent.trader) < collateral:
        raise Canceled("InsufficientBalance")
    price = _price(world, spec, is_buying=trade["buy"], notional=notional)
    _check_slippage(trade["openPrice"], price, intent.message["_slippageP"], is_buying=trade["buy"])
    position = OpenPosition(
        trader=intent.trader,
        pair_index=spec.index,
        index=world.exchange.free_index(intent.trader, spec.index),
        is_long=trade["buy"],
        is_upside=spec.is_upside,
        collateral=collateral - _open_fee(spec, notional),
        leverage=leverage,
        open_price=price,
        take_profit=trade["tp"],
        stop_loss=trade["sl"],
        opened_at_s=int(time.time()),
    )
    world.exchange.pay(intent.trader, -collateral)
    world.exchange.positions.append(position)
    return _fill("MarketOrderExecuted", position, price, 0, 0, order_id, intent)


def _close(world: World, intent: Intent, order_id: int) -> Fill:
    asked = intent.message
    position = world.exchange.find(intent.trader, asked["_pairIndex"], asked["_index"])
    if position is None or position.opened_at_s != asked["_openTimestamp"]:
        raise Canceled("NoTrade")
    spec = _pair(world, position.pair_index)
    closed = min(asked["_amount"], position.collateral)
    notional = closed * position.leverage // PRICE_RAW
    price = _price(world, spec, is_buying=not position.is_long, notional=notional)
    profit = position.profit(price, closed)
    fee = 0 if spec.is_upside else int(notional * Decimal(str(spec.group_facts.close_fee_p)) / HUNDRED)
    paid_out = max(closed + profit - _share(spec, profit, closed) - fee, 0)
    world.exchange.pay(intent.trader, paid_out)
    percent = profit * 100 * PRICE_RAW // closed if closed else 0
    fill = _fill("MarketOrderExecuted", position, price, paid_out, percent, order_id, intent)
    position.collateral -= closed
    if position.collateral == 0:
        world.exchange.positions.remove(position)
    return fill


def _share(spec: PairSpec, profit: int, collateral: int) -> int:
    """The venue's share of an Upside gain: the highest tier that the gain reaches."""
    if not spec.is_upside or profit <= 0 or collateral == 0:
        return 0
    gain_p = Decimal(profit) * 100 / collateral
    tiers = spec.group_facts.tiers
    reached = [share for gain, share in tiers if gain_p >= Decimal(str(gain))]
    return int(profit * Decimal(str(reached[-1] if reached else tiers[0][1])) / HUNDRED)


def _increase(world: World, intent: Intent, order_id: int) -> Fill:
    asked: Json = intent.message["_updateInfo"]
    position = world.exchange.find(intent.trader, asked["pairIndex"], asked["index"])
    if position is None:
        raise Canceled("NoTrade")
    spec = _pair(world, position.pair_index)
    added = asked["initialPosToken"]
    if world.exchange.balance(intent.trader) < added:
        raise Canceled("InsufficientBalance")
    notional = added * asked["leverage"] // PRICE_RAW
    price = _price(world, spec, is_buying=position.is_long, notional=notional)
    _check_slippage(asked["openPrice"], price, intent.message["_slippageP"], is_buying=position.is_long)
    world.exchange.pay(intent.trader, -added)
    whole = position.notional + notional
    position.open_price = (position.open_price * position.notional + price * notional) // whole
    position.collateral += added - _open_fee(spec, notional)
    position.leverage = whole * PRICE_RAW // position.collateral
    return _fill("PositionSizeIncreased", position, price, 0, 0, order_id, intent)


def _fill(
    event: str, position: OpenPosition, price: int, paid_out: int, percent: int, order_id: int, intent: Intent
) -> Fill:
    tx_hash = "0x" + keccak(intent.digest + order_id.to_bytes(8, "big")).hex()
    return Fill(event, position, price, paid_out, percent, tx_hash, order_id)
