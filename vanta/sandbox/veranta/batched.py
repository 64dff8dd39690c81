"""The venue's batched-market service: takes a signed intent, executes it once, tells its life as an event stream.

The execution does not depend on the connection: a client that goes away finds every event again under the tracking id.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vanta.sandbox.http import Json, answer, events, frame, json_body
from vanta.sandbox.veranta.intents import BadIntent, Intent, read_intent
from vanta.sandbox.veranta.matching import Canceled, execute
from vanta.sandbox.world import World

STEP_S = 0.05
KEEP_ALIVE_S = 15.0
TERMINAL = frozenset({"MarketOrderExecuted", "PositionSizeIncreased", "MarketOrderCanceled", "Error"})


@dataclass(slots=True)
class Tracked:
    """One accepted request and what happened to it."""

    tracking_id: str
    log: list[Json] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, kind: str, payload: Json) -> None:
        at = int(time.time() * 1000)
        self.log.append({"seq": len(self.log), "type": kind, "payload": payload, "at": at})
        self.changed.set()
        self.changed = asyncio.Event()

    @property
    def is_over(self) -> bool:
        return bool(self.log) and self.log[-1]["type"] in TERMINAL


async def _carry_out(world: World, intent: Intent, tracked: Tracked) -> None:
    tracked.tell("MarketOrderAccepted", {"trackingId": tracked.tracking_id})
    await asyncio.sleep(STEP_S)
    if intent.deadline_ms < time.time() * 1000:
        tracked.tell("Error", {"code": "TX_NOT_EXECUTED", "message": "the deadline has passed"})
        return
    if not world.exchange.use_nonce(intent.trader, intent.nonce):
        failed = {"attempt": 1, "code": "NonceAlreadyUsed", "message": "nonce already used", "willRetry": False}
        tracked.tell("AttemptFailed", failed)
        tracked.tell("Error", {"code": "ATTEMPTS_EXHAUSTED", "message": "nonce already used"})
        return
    order_id = world.exchange.next_order_id()
    try:
        fill = execute(world, intent, order_id)
    except Canceled as reason:
        tracked.tell("MarketOrderInitiated", {"orderId": str(order_id)})
        tracked.tell("MarketOrderCanceled", {"orderId": str(order_id), "reason": str(reason)})
        return
    started = "IncreasePositionRequested" if fill.event == "PositionSizeIncreased" else "MarketOrderInitiated"
    tracked.tell(started, {"orderId": str(order_id), "transactionHash": fill.tx_hash})
    await asyncio.sleep(STEP_S)
    tracked.tell(fill.event, fill.payload())


async def _follow(tracked: Tracked) -> AsyncIterator[bytes]:
    told = 0
    while True:
        for event in tracked.log[told:]:
            told += 1
            yield frame(event["type"], event["payload"], event["seq"])
        if tracked.is_over and told == len(tracked.log):
            return
        changed = tracked.changed
        if told < len(tracked.log):
            continue
        try:
            await asyncio.wait_for(changed.wait(), KEEP_ALIVE_S)
        except TimeoutError:
            yield b": hb\n\n"


def _read(body: Json) -> Intent:
    signed = body.get("erc712") or {}
    order_type = body.get("orderType")
    if not isinstance(order_type, int) or not isinstance(signed, dict):
        raise BadIntent("orderType and erc712 are required")
    return read_intent(order_type, str(signed.get("userIntent", "")), str(signed.get("userSignature", "")))


def routes(world: World, prefix: str) -> list[BaseRoute]:
    tracked_by_id: dict[str, Tracked] = {}
    running: set[asyncio.Task[None]] = set()

    async def execute_batched(request: Request) -> Response:
        try:
            intent = _read(await json_body(request))
        except ValueError as error:
            return answer({"statusCode": 400, "message": str(error)}, 400)
        if not world.exchange.may_sign(intent.trader, intent.signer):
            return answer({"statusCode": 400, "message": "the signer is not the trader nor an active delegate"}, 400)
        tracked = Tracked(str(uuid.uuid4()))
        tracked_by_id[tracked.tracking_id] = tracked
        task = asyncio.create_task(_carry_out(world, intent, tracked))
        running.add(task)
        task.add_done_callback(running.discard)
        return events(_follow(tracked))

    async def status(request: Request) -> Response:
        tracked = tracked_by_id.get(request.path_params["tracking_id"])
        if tracked is None:
            return answer({"statusCode": 404, "message": "unknown trackingId"}, 404)
        try:
            after = int(request.query_params.get("afterSeq", "-1"))
        except ValueError:
            return answer({"statusCode": 400, "message": "afterSeq must be a number"}, 400)
        return answer({"events": [event for event in tracked.log if event["seq"] > after]})

    return [
        Route(f"{prefix}/market/execute-batched", execute_batched, methods=["POST"]),
        Route(f"{prefix}/tracking-id/{{tracking_id}}/status", status),
    ]
