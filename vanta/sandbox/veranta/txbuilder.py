"""The venue's tx-builder: bootstrap, reads, and ready-to-sign intents, all in its `{ok, data}` envelope."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vanta.sandbox.faults import Fault
from vanta.sandbox.http import Json, answer, json_body
from vanta.sandbox.veranta.addresses import ADDRESSES, CHAIN_ID, TRADING_STORAGE
from vanta.sandbox.veranta.call_builders import BUILDERS as CALLS
from vanta.sandbox.veranta.call_builders import build_call
from vanta.sandbox.veranta.intent_builders import BUILDERS as INTENTS
from vanta.sandbox.veranta.intent_builders import DEADLINE_MS, ORDER_TYPES, build_intent
from vanta.sandbox.veranta.intents import DOMAIN
from vanta.sandbox.veranta.positions import PRICE_RAW, USDC_RAW
from vanta.sandbox.veranta.refusals import Reverted
from vanta.sandbox.world import World

Read = Callable[[World, Request], Awaitable[object]]


async def meta(_: World, __: Request) -> Json:
    return {
        "chainId": CHAIN_ID,
        "addresses": ADDRESSES,
        "eip712": {"trading": DOMAIN},
        "enums": {"orderType": ORDER_TYPES},
        "units": {"usdc": USDC_RAW, "price": PRICE_RAW, "leverage": PRICE_RAW, "deadline": "ms"},
        "defaults": {"deadlineMs": DEADLINE_MS, "slippagePercent": 1},
    }


async def pairs(world: World, __: Request) -> list[Json]:
    return [{"index": spec.index, "from": spec.base, "to": spec.quote} for spec in world.listing.pairs]


async def nonce(world: World, request: Request) -> Json:
    """A fresh nonce, and whether `check` is used, as far as the node has seen the chain.

    The real shape is unverified. Here `check` is looked for among the nonces of the trader and among those that this
    address has signed; `blockNumber` and `blockTimestamp` (seconds) are of the newest block that was seen.
    """
    asked = request.query_params
    block = world.blocks.seen()
    told: Json = {"trader": asked["trader"], "nonce": str(secrets.randbits(256))}
    told |= {"blockNumber": block.number, "blockTimestamp": block.timestamp_s}
    if "check" in asked:
        used = world.exchange.is_nonce_used(asked["trader"], int(asked["check"]), world.blocks.seen_s())
        told |= {"check": asked["check"], "used": used}
    return told


async def positions(world: World, request: Request) -> Json:
    trader = request.query_params["trader"]
    resting = [order.as_core() for order in world.exchange.resting_of(trader)]
    return {"positions": [position.as_trade() for position in world.exchange.of(trader)], "limitOrders": resting}


async def delegation(world: World, request: Request) -> Json:
    asked = request.query_params
    expiry_s = world.exchange.delegate_expiry(asked["trader"], asked["delegate"])
    is_live = expiry_s > world.blocks.now_s()
    return {"isEnabled": is_live, "expiry": expiry_s, "canDelegatedAction": is_live, "canSignIntents": is_live}


async def allowance(world: World, request: Request) -> Json:
    """Only the trading storage has an allowance here."""
    trader, spender = request.query_params["trader"], request.query_params.get("spender", TRADING_STORAGE)
    balance = world.exchange.balance(trader)
    allowed = world.exchange.allowance(trader) if spender.lower() == TRADING_STORAGE.lower() else 0
    told = {"balance": str(balance), "balanceUsdc": balance / USDC_RAW}
    return {**told, "allowance": str(allowed), "allowanceUsdc": allowed / USDC_RAW}


def _intent(name: str) -> Read:
    async def build(world: World, request: Request) -> Json:
        return build_intent(world, name, await json_body(request), _tampering(world, request))

    return build


def _call(name: str) -> Read:
    async def build(world: World, request: Request) -> Json:
        return build_call(world, name, await json_body(request), _tampering(world, request))

    return build


def _tampering(world: World, request: Request) -> Fault | None:
    """The fault that tampers with what is built; those that rewrite answers are the front door's."""
    found = world.faults.of_kind("tx-builder", "tamper", request.url.path)
    return next((fault for fault in found if fault.what != "answer" and world.faults.strikes(fault)), None)


def _refused(code: str, message: str, status: int) -> Response:
    return answer({"ok": False, "error": {"code": code, "message": message, "details": None}}, status)


def _enveloped(world: World, read: Read) -> Callable[[Request], Awaitable[Response]]:
    async def respond(request: Request) -> Response:
        try:
            return answer({"ok": True, "data": await read(world, request)})
        except KeyError as error:
            return _refused("VALIDATION_ERROR", f"{error.args[0]} is required", 400)
        except (ValueError, TypeError, ArithmeticError, Reverted) as error:
            return _refused("VALIDATION_ERROR", str(error), 400)

    return respond


async def _unknown(_: Request) -> Response:
    return _refused("NOT_FOUND", "the sandbox builds no such payload", 404)


def routes(world: World, prefix: str) -> list[BaseRoute]:
    reads = {
        "meta": meta,
        "pairs": pairs,
        "nonce": nonce,
        "positions": positions,
        "delegation": delegation,
        "allowance": allowance,
    }
    writes = {f"intents/{name}": _intent(name) for name in INTENTS} | {name: _call(name) for name in CALLS}
    return [
        *(Route(f"{prefix}/v2/{name}", _enveloped(world, read)) for name, read in reads.items()),
        *(Route(f"{prefix}/v2/{name}", _enveloped(world, write), methods=["POST"]) for name, write in writes.items()),
        Route(f"{prefix}/v2/{{rest:path}}", _unknown, methods=["GET", "POST"]),
    ]
