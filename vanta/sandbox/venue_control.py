"""The control API of the venue: its journal and books for judges, and what happens there without an order of ours.

docs/sandbox.md lists the endpoints and their shapes.
"""

from __future__ import annotations

from decimal import Decimal

from eth_utils.address import to_checksum_address
from starlette.requests import Request

from vanta.sandbox.http import Json, json_body
from vanta.sandbox.veranta import accounts, keeper, resting
from vanta.sandbox.veranta.exchange import UNLIMITED
from vanta.sandbox.veranta.journal import Cause
from vanta.sandbox.veranta.matching import Opening, close_position
from vanta.sandbox.veranta.positions import LIMIT, PRICE_RAW, USDC_RAW, OpenPosition, RestingOrder
from vanta.sandbox.veranta.pricing import mark_price, pair_of
from vanta.sandbox.world import World

DAY_S = 86_400


async def journal(world: World, request: Request) -> Json:
    asked = request.query_params
    trader, after = asked.get("trader"), int(asked.get("after", "0"))
    kept = world.exchange.journal
    received = [row for row in kept.received if not trader or str(row["trader"]).lower() == trader.lower()]
    return {"effects": kept.of(trader, after), "declined": kept.declined_of(trader, after), "received": received}


async def state(world: World, request: Request) -> Json:
    trader = to_checksum_address(request.query_params["trader"])
    exchange = world.exchange
    return {
        "trader": trader,
        "balance": str(exchange.balance(trader)),
        "allowance": str(exchange.allowance(trader)),
        "positions": [position.as_core() for position in exchange.of(trader)],
        "limitOrders": [order.as_core() for order in exchange.resting_of(trader)],
        "delegates": exchange.delegates_of(trader),
        "usedNonces": [str(nonce) for nonce in exchange.used_nonces(trader)],
        **accounts.described(exchange.accounts, trader),
    }


async def fund(world: World, request: Request) -> Json:
    asked = await json_body(request)
    trader = to_checksum_address(asked["trader"])
    if "balance" in asked:
        world.exchange.set_balance(trader, _usdc(asked["balance"]))
    if "allowance" in asked:
        world.exchange.set_allowance(trader, _allowance(asked["allowance"]))
    told = {"balance": world.exchange.balance(trader), "allowance": world.exchange.allowance(trader)}
    return {name: str(amount) for name, amount in told.items()}


async def delegate(world: World, request: Request) -> Json:
    """Registers a delegate without a chain, or removes it."""
    asked = await json_body(request)
    trader, address = to_checksum_address(asked["trader"]), to_checksum_address(asked["delegate"])
    expiry_s = int(asked.get("expiry", world.blocks.now_s() + DAY_S))
    world.exchange.set_delegate(trader, address, expiry_s)
    kind = "delegate_set" if expiry_s else "delegate_remove"
    detail = {"delegate": address, "expiry": expiry_s}
    world.exchange.journal.record(kind, Cause(trader, reason="control"), detail=detail)
    return {"expiry": expiry_s}


async def approve(world: World, request: Request) -> Json:
    asked = await json_body(request)
    trader = to_checksum_address(asked["trader"])
    world.exchange.set_allowance(trader, _allowance(asked.get("amount", "unlimited")))
    detail = {"allowance": str(world.exchange.allowance(trader))}
    return world.exchange.journal.record("approve", Cause(trader, signer=trader, reason="control"), detail=detail)


async def close(world: World, request: Request) -> Json:
    """Closes a position, or some of it, as its owner would in the venue's own app."""
    asked = await json_body(request)
    position = _position(world, asked)
    amount = _usdc(asked["collateral"]) if "collateral" in asked else position.collateral
    cause = Cause(position.trader, signer=position.trader, reason="elsewhere")
    spec = pair_of(world, position.pair_index)
    return close_position(world, cause, position, amount, price=mark_price(world, spec)).effect


async def liquidate(world: World, request: Request) -> Json:
    position = _position(world, await json_body(request))
    return keeper.liquidate(world, position, position.liquidation_price, reason="control").effect


async def trigger(world: World, request: Request) -> Json:
    """Executes a take-profit, a stop or a limit order at its own price, wherever the market is."""
    asked = await json_body(request)
    what = asked["what"]
    if what == "limit":
        order = _resting(world, asked)
        return resting.fill(world, order, Cause(order.trader, reason="limit"), order.price).effect
    position = _position(world, asked)
    kinds = {"tp": ("take_profit", position.take_profit), "sl": ("stop_loss", position.stop_loss)}
    if what not in kinds or not kinds[what][1]:
        raise ValueError("what must be tp, sl or limit, and be set")
    kind, price = kinds[what]
    return keeper.close_by_venue(world, position, kind, price=price).effect


async def place(world: World, request: Request) -> Json:
    """Lets an order rest as its owner would in the venue's own app."""
    asked = await json_body(request)
    spec = pair_of(world, int(asked["pairIndex"]))
    cause = Cause(to_checksum_address(asked["trader"]), signer=asked["trader"], reason="elsewhere")
    terms = Opening(
        trader=cause.trader,
        pair_index=spec.index,
        is_long=bool(asked.get("buy", True)),
        collateral=_usdc(asked["collateral"]),
        leverage=_ticks(asked["leverage"]),
        wanted_price=_ticks(asked["price"]),
        slippage_p=_ticks(1),
        take_profit=_ticks(asked.get("tp", 0)),
        stop_loss=_ticks(asked.get("sl", 0)),
        order_type=int(asked.get("orderType", LIMIT)),
    )
    return resting.place(world, cause, terms)


async def update(world: World, request: Request) -> Json:
    """Gives a resting order another price, take-profit and stop, as its owner would."""
    asked = await json_body(request)
    order = _resting(world, asked)
    names = {"price": "price", "tp": "take_profit", "sl": "stop_loss"}
    changes = {name: _ticks(asked[told]) for told, name in names.items() if told in asked}
    return resting.update(world, Cause(order.trader, signer=order.trader, reason="elsewhere"), order, changes)


async def cancel(world: World, request: Request) -> Json:
    """Takes a resting order back, as its owner would."""
    order = _resting(world, await json_body(request))
    return resting.cancel(world, Cause(order.trader, signer=order.trader, reason="elsewhere"), order)


async def clock(world: World, request: Request) -> Json:
    """Shifts the chain's clock, or tells it."""
    if request.method == "POST":
        world.blocks.shift(float((await json_body(request))["offset_s"]))
    seen = world.blocks.seen()
    return {
        "offset_s": world.blocks.offset_s,
        "now_s": world.blocks.now_s(),
        "block_number": seen.number,
        "block_timestamp_s": seen.timestamp_s,
    }


def _position(world: World, asked: Json) -> OpenPosition:
    found = world.exchange.find(str(asked["trader"]), int(asked["pairIndex"]), int(asked["index"]))
    if found is None:
        raise ValueError("no such position")
    return found


def _resting(world: World, asked: Json) -> RestingOrder:
    found = world.exchange.find_resting(str(asked["trader"]), int(asked["pairIndex"]), int(asked["index"]))
    if found is None:
        raise ValueError("no such limit order")
    return found


def _ticks(number: object) -> int:
    return int(Decimal(str(number)) * PRICE_RAW)


def _usdc(amount: object) -> int:
    raw = int(Decimal(str(amount)) * USDC_RAW)
    if raw < 0:
        raise ValueError("an amount is not negative")
    return raw


def _allowance(amount: object) -> int:
    return UNLIMITED if amount == "unlimited" else _usdc(amount)


ROUTES = (
    ("GET", "/venue/journal", journal),
    ("GET", "/venue/state", state),
    ("POST", "/venue/fund", fund),
    ("POST", "/venue/delegate", delegate),
    ("POST", "/venue/approve", approve),
    ("POST", "/venue/close", close),
    ("POST", "/venue/liquidate", liquidate),
    ("POST", "/venue/trigger", trigger),
    ("POST", "/venue/place", place),
    ("POST", "/venue/update", update),
    ("POST", "/venue/cancel", cancel),
    ("GET", "/clock", clock),
    ("POST", "/clock", clock),
)
