"""Limit and stop-limit orders: placed with their collateral, changed, canceled, and filled when the price is there."""

from __future__ import annotations

from typing import Any

from vanta.sandbox.veranta.journal import Cause
from vanta.sandbox.veranta.matching import Fill, Opening, check_opening, open_position
from vanta.sandbox.veranta.positions import LIMIT, STOP_LIMIT, RestingOrder
from vanta.sandbox.veranta.pricing import check_slippage, mark_price, moved, pair_of
from vanta.sandbox.veranta.refusals import Reverted
from vanta.sandbox.world import World

Json = dict[str, Any]


def place(world: World, cause: Cause, asked: Opening) -> Json:
    """Takes the collateral and lets the order rest; raises Reverted."""
    exchange = world.exchange
    spec = pair_of(world, asked.pair_index)
    if spec.is_upside:
        raise Reverted("PnlOrderNotAllowed")
    if asked.order_type not in {LIMIT, STOP_LIMIT} or not asked.wanted_price:
        raise Reverted("WrongOrderType")
    check_opening(world, asked, spec)
    exchange.take(asked.trader, asked.collateral)
    order = RestingOrder(
        trader=asked.trader,
        pair_index=asked.pair_index,
        index=exchange.free_resting_index(asked.trader, asked.pair_index),
        is_long=asked.is_long,
        order_type=asked.order_type,
        collateral=asked.collateral,
        leverage=asked.leverage,
        price=asked.wanted_price,
        slippage_p=asked.slippage_p,
        take_profit=asked.take_profit,
        stop_loss=asked.stop_loss,
        order_id=exchange.next_order_id(),
        block=exchange.blocks.next().number,
    )
    exchange.resting.append(order)
    return _record(world, "limit_place", cause, order)


def update(world: World, cause: Cause, order: RestingOrder, changes: Json) -> Json:
    """Gives an order other levels; `changes` has price, slippage_p, take_profit and stop_loss."""
    for name, value in changes.items():
        setattr(order, name, value)
    return _record(world, "limit_update", cause, order)


def cancel(world: World, cause: Cause, order: RestingOrder) -> Json:
    """Takes an order back and pays its collateral out."""
    world.exchange.resting.remove(order)
    world.exchange.pay(order.trader, order.collateral)
    return _record(world, "limit_cancel", cause, order, paidOut=order.collateral)


def fill(world: World, order: RestingOrder, cause: Cause, price: int | None = None) -> Fill:
    """Opens what an order waited to open, at the present price or at a given one; raises Canceled or Reverted."""
    spec = pair_of(world, order.pair_index)
    asked = Opening(
        trader=order.trader,
        pair_index=order.pair_index,
        is_long=order.is_long,
        collateral=order.collateral,
        leverage=order.leverage,
        wanted_price=order.price,
        slippage_p=order.slippage_p,
        take_profit=order.take_profit,
        stop_loss=order.stop_loss,
        order_id=order.order_id,
    )
    if price is None:
        mark = mark_price(world, spec)
        price = moved(spec, mark, is_buying=order.is_long, notional=asked.notional)
        check_slippage(order.price, price, order.slippage_p, is_buying=order.is_long)
    filled = open_position(world, cause, asked, kind="limit_fill", price=price)
    filled.effect["detail"] = {"orderIndex": order.index}
    world.exchange.resting.remove(order)
    return filled


def _record(world: World, kind: str, cause: Cause, order: RestingOrder, **known: Any) -> Json:
    return world.exchange.journal.record(
        kind,
        cause,
        pairIndex=order.pair_index,
        index=order.index,
        orderId=order.order_id,
        isLong=order.is_long,
        collateral=order.collateral,
        leverage=order.leverage,
        price=order.price,
        takeProfit=order.take_profit,
        stopLoss=order.stop_loss,
        **known,
    )
