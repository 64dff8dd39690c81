"""The venue's relayer: takes ready transactions and reports them mined a moment later."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from typing import Any

from eth_utils.crypto import keccak
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vanta.sandbox.http import Json, answer, dumps, json_body
from vanta.sandbox.world import World

MINED_AFTER_S = 1.0


@dataclass(frozen=True, slots=True)
class Relay:
    """A transaction on its way; the same bytes always have the same hash."""

    request_id: str
    tx_hash: str
    taken_at_s: float

    def as_json(self) -> Json:
        if time.monotonic() - self.taken_at_s < MINED_AFTER_S:
            return {"requestId": self.request_id, "status": "Inflight", "receipt": None}
        receipt = {"transactionHash": self.tx_hash, "status": "0x1"}
        return {"requestId": self.request_id, "status": "Finalised", "receipt": receipt}


def routes(world: World, prefix: str) -> list[BaseRoute]:
    relays: dict[str, Relay] = {}
    numbers = itertools.count(1)

    async def create(request: Request) -> Response:
        try:
            parameters: Any = (await json_body(request))["txParams"]
        except (ValueError, KeyError):
            return answer({"statusCode": 400, "message": "txParams is required"}, 400)
        relay = Relay(f"relay-{next(numbers)}", "0x" + keccak(dumps(parameters)).hex(), time.monotonic())
        relays[relay.request_id] = relay
        return answer({"requestId": relay.request_id}, 201)

    async def status(request: Request) -> Response:
        relay = relays.get(request.path_params["request_id"])
        if relay is None:
            return answer({"statusCode": 404, "message": "unknown relay"}, 404)
        return answer(relay.as_json())

    async def by_hash(request: Request) -> Response:
        wanted = request.path_params["tx_hash"].lower()
        relay = next((relay for relay in relays.values() if relay.tx_hash == wanted), None)
        return answer(relay.as_json() if relay else None)

    return [
        Route(f"{prefix}/relays", create, methods=["POST"]),
        Route(f"{prefix}/relays/by-tx-hash/{{tx_hash}}", by_hash),
        Route(f"{prefix}/relays/{{request_id}}", status),
    ]
