"""The venue's relayer: takes ready type-4 transactions, puts them on the chain a moment later, and says how it went."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from eth_utils.crypto import keccak
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vanta.sandbox.faults import Fault
from vanta.sandbox.http import Json, answer, dumps, json_body
from vanta.sandbox.veranta.transactions import relay
from vanta.sandbox.world import World

MINED_AFTER_S = 0.3
SERVICE = "blitz"
TYPE_4 = 4
KINDS_OF_RELAYS = ("relay_timeout", "slow_execution", "not_applied")


def _new(request_id: str, asked: Json) -> Json:
    """A relay as it is kept. Each has its own hash: the relayer's wallet sends every one with a nonce of its own."""
    tx_hash = "0x" + keccak(dumps([request_id, asked])).hex()
    return {"requestId": request_id, "status": "Inflight", "txHash": tx_hash, "receipt": None}


def _check(asked: Any) -> Json:
    """Raises ValueError for what is no type-4 transaction."""
    if not isinstance(asked, dict) or int(asked.get("transactionType", 0)) != TYPE_4:
        raise ValueError("txParams of a type-4 transaction are required")
    for name in ("to", "data"):
        bytes.fromhex(str(asked[name]).removeprefix("0x"))
    for known in asked.get("authorizationList") or []:
        if any(name not in known for name in ("address", "chainId", "nonce", "r", "s", "yParity")):
            raise ValueError("an authorisation is incomplete")
    return asked


async def _carry_out(world: World, asked: Json, told: Json, faults: Mapping[str, Fault]) -> None:
    slow, early = faults.get("slow_execution"), faults.get("relay_timeout")
    await asyncio.sleep(slow.seconds if slow else MINED_AFTER_S)
    if early:
        told["status"] = "Failed"
        world.exchange.journal.changes += 1
        await asyncio.sleep(early.seconds)
    succeeded = True
    if "not_applied" not in faults:
        succeeded = relay(world, asked, told["txHash"], told["requestId"])
    told["receipt"] = {"transactionHash": told["txHash"], "status": "0x1" if succeeded else "0x0"}
    if not early:
        told["status"] = "Finalised"


def routes(world: World, prefix: str) -> list[BaseRoute]:
    relays = world.exchange.relays
    running: set[asyncio.Task[None]] = set()

    async def create(request: Request) -> Response:
        try:
            asked = _check((await json_body(request))["txParams"])
        except (ValueError, KeyError, TypeError) as error:
            return answer({"statusCode": 400, "message": f"txParams: {error}"}, 400)
        world.exchange.journal.receive("relay", str(asked["to"]), None)
        told = _new(f"relay-{len(relays) + 1}", asked)
        relays[told["requestId"]] = told
        faults = world.faults.struck(SERVICE, KINDS_OF_RELAYS, request.url.path)
        task = asyncio.create_task(_carry_out(world, asked, told, faults))
        running.add(task)
        task.add_done_callback(running.discard)
        return answer({"requestId": told["requestId"]}, 201)

    async def status(request: Request) -> Response:
        told = relays.get(request.path_params["request_id"])
        if told is None or world.faults.struck(SERVICE, ("forget_tracking",), request.url.path):
            return answer({"statusCode": 404, "message": "unknown relay"}, 404)
        return answer(_public(told))

    async def by_hash(request: Request) -> Response:
        wanted = request.path_params["tx_hash"].lower()
        told = next((told for told in relays.values() if told["txHash"] == wanted), None)
        return answer(_public(told) if told else None)

    return [
        Route(f"{prefix}/relays", create, methods=["POST"]),
        Route(f"{prefix}/relays/by-tx-hash/{{tx_hash}}", by_hash),
        Route(f"{prefix}/relays/{{request_id}}", status),
    ]


def _public(told: Json) -> Json:
    receipt = told["receipt"] if told["status"] == "Finalised" else None
    return {"requestId": told["requestId"], "status": told["status"], "receipt": receipt}
