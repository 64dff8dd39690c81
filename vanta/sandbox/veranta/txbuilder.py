"""The venue's tx-builder: bootstrap, reads, and ready-to-sign intents, all in its `{ok, data}` envelope."""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal

from eth_utils.address import to_checksum_address
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vanta.sandbox.http import Json, answer, json_body
from vanta.sandbox.veranta.addresses import ADDRESSES, CHAIN_ID
from vanta.sandbox.veranta.exchange import PRICE_RAW, USDC_RAW
from vanta.sandbox.veranta.intents import DOMAIN, encode_intent, intent_digest, typed_data_types
from vanta.sandbox.world import World

UNLIMITED = 2**255
DEADLINE_MS = 120_000
_ORDER_TYPES = {"market": 0, "stop_limit": 1, "limit": 2, "market_pnl": 3}
Read = Callable[[World, Request], Awaitable[object]]


async def meta(_: World, __: Request) -> Json:
    return {
        "chainId": CHAIN_ID,
        "addresses": ADDRESSES,
        "eip712": {"trading": DOMAIN},
        "enums": {"orderType": _ORDER_TYPES},
        "units": {"usdc": USDC_RAW, "price": PRICE_RAW, "leverage": PRICE_RAW, "deadline": "ms"},
        "defaults": {"deadlineMs": DEADLINE_MS, "slippagePercent": 1},
    }


async def pairs(world: World, __: Request) -> list[Json]:
    return [{"index": spec.index, "from": spec.base, "to": spec.quote} for spec in world.listing.pairs]


async def nonce(world: World, request: Request) -> Json:
    """Whether a nonce is used. The real shape is unverified: this is the least that its name promises."""
    asked = request.query_params
    told: Json = {"trader": asked["trader"], "nonce": str(secrets.randbits(256))}
    if "check" in asked:
        told |= {"check": asked["check"], "used": world.exchange.is_nonce_used(asked["trader"], int(asked["check"]))}
    return told


async def positions(world: World, request: Request) -> Json:
    trader = request.query_params["trader"]
    return {"positions": [position.as_trade() for position in world.exchange.of(trader)], "limitOrders": []}


async def delegation(world: World, request: Request) -> Json:
    asked = request.query_params
    expiry_s = world.exchange.delegate_expiry(asked["trader"], asked["delegate"])
    is_live = expiry_s > time.time()
    return {"isEnabled": is_live, "expiry": expiry_s, "canDelegatedAction": is_live, "canSignIntents": is_live}


async def allowance(world: World, request: Request) -> Json:
    balance = world.exchange.balance(request.query_params["trader"])
    told = {"balance": str(balance), "balanceUsdc": balance / USDC_RAW}
    return {**told, "allowance": str(UNLIMITED), "allowanceUsdc": UNLIMITED / USDC_RAW}


async def open_intent(world: World, request: Request) -> Json:
    asked = await json_body(request)
    trade = {
        "trader": to_checksum_address(asked["trader"]),
        "pairIndex": int(asked["pairIndex"]),
        "index": 0,
        "initialPosToken": 0,
        "positionSizeUSDC": _raw(asked["collateralUsdc"], USDC_RAW),
        "openPrice": _raw(asked.get("openPrice", 0), PRICE_RAW),
        "buy": bool(asked["isLong"]),
        "leverage": _raw(asked["leverage"], PRICE_RAW),
        "tp": _raw(asked.get("tp", 0), PRICE_RAW),
        "sl": _raw(asked.get("sl", 0), PRICE_RAW),
        "timestamp": 0,
    }
    order_type = asked.get("orderType", "market")
    message = {
        "_t": trade,
        "_type": _ORDER_TYPES.get(str(order_type), 0),
        "_slippageP": _raw(asked.get("slippagePercent", 1), PRICE_RAW),
    }
    return _intent("OpenTradeReq", message)


async def close_intent(world: World, request: Request) -> Json:
    asked = await json_body(request)
    message = {
        "_trader": to_checksum_address(asked["trader"]),
        "_pairIndex": int(asked["pairIndex"]),
        "_index": int(asked["index"]),
        "_openTimestamp": int(asked["openTimestamp"]),
        "_amount": _raw(asked["amountUsdc"], USDC_RAW),
        "_wantedPrice": _raw(asked.get("wantedPrice", 0), PRICE_RAW),
    }
    return _intent("CloseTradeReq", message)


def _raw(value: object, factor: int) -> int:
    return int(Decimal(str(value)) * factor)


def _intent(kind: str, message: Json) -> Json:
    message |= {"_deadline": int(time.time() * 1000) + DEADLINE_MS, "_nonce": secrets.randbits(256)}
    return {
        "intent": kind,
        "signerRule": "trader-or-delegate",
        "domain": DOMAIN,
        "primaryType": kind,
        "types": typed_data_types(kind),
        "message": _stringified(message),
        "digest": "0x" + intent_digest(kind, message).hex(),
        "encodedIntent": encode_intent(kind, message),
        "meta": {},
    }


def _stringified(message: Json) -> Json:
    told: Json = {}
    for name, value in message.items():
        if isinstance(value, dict):
            told[name] = _stringified(value)
        else:
            told[name] = value if isinstance(value, bool | str) else str(value)
    return told


def _refused(code: str, message: str, status: int) -> Response:
    return answer({"ok": False, "error": {"code": code, "message": message, "details": None}}, status)


def _enveloped(world: World, read: Read) -> Callable[[Request], Awaitable[Response]]:
    async def respond(request: Request) -> Response:
        try:
            return answer({"ok": True, "data": await read(world, request)})
        except KeyError as error:
            return _refused("VALIDATION_ERROR", f"{error.args[0]} is required", 400)
        except (ValueError, TypeError, ArithmeticError) as error:
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
    writes = {"intents/open": open_intent, "intents/close": close_intent}
    return [
        *(Route(f"{prefix}/v2/{name}", _enveloped(world, read)) for name, read in reads.items()),
        *(Route(f"{prefix}/v2/{name}", _enveloped(world, write), methods=["POST"]) for name, write in writes.items()),
        Route(f"{prefix}/v2/{{rest:path}}", _unknown, methods=["GET", "POST"]),
    ]
