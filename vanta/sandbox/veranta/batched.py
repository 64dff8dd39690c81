"""The venue's batched-market service: takes a signed intent, executes it once, tells its life as an event stream.

The execution does not depend on the connection: a client that goes away finds every event again under the tracking id.
"""

from __future__ import annotations

import asyncio
import uuid

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vanta.sandbox.faults import VENUE_KINDS
from vanta.sandbox.http import Json, answer, events, json_body
from vanta.sandbox.veranta.executing import NonceUsed, NotExecuted, execute
from vanta.sandbox.veranta.intents import BadIntent, Intent, read_market_intent
from vanta.sandbox.veranta.refusals import Canceled
from vanta.sandbox.veranta.tracking import Tracked
from vanta.sandbox.world import World

STEP_S = 0.05
SERVICE = "batched-market"
KINDS_OF_ORDERS = (*VENUE_KINDS, "relay_timeout", "slow_execution")


async def _carry_out(world: World, intent: Intent, tracked: Tracked) -> None:
    tracked.tell("MarketOrderAccepted", {"trackingId": tracked.tracking_id})
    await asyncio.sleep(STEP_S)
    await _wait(world, intent, tracked)
    if "attempt_failed" in tracked.faults:
        failed = {"attempt": 1, "code": "SUBMISSION_FAILED", "message": "injected fault", "willRetry": True}
        tracked.tell("AttemptFailed", failed)
        await asyncio.sleep(STEP_S)
    silent = tracked
    if early := tracked.faults.get("relay_timeout"):
        tracked.fail(early.code, "the relay was not mined in time")
        await asyncio.sleep(early.seconds)
        silent = Tracked(tracked.tracking_id, [], tracked.blocks, tracked.faults)
    elif "error_after_fill" in tracked.faults:
        silent = Tracked(tracked.tracking_id, [], tracked.blocks, tracked.faults)
    await _execute(world, intent, silent)
    if late := tracked.faults.get("error_after_fill"):
        tracked.fail(late.code, "the relay was not mined in time")


async def _wait(world: World, intent: Intent, tracked: Tracked) -> None:
    """Lets `slow_execution` pass: so many seconds, or until so many milliseconds from the deadline."""
    slow = tracked.faults.get("slow_execution")
    if slow is None:
        return
    if slow.offset_ms is None:
        await asyncio.sleep(slow.seconds)
        return
    while world.exchange.blocks.now_ms() < intent.deadline_ms + slow.offset_ms:
        await asyncio.sleep(STEP_S)


async def _execute(world: World, intent: Intent, tracked: Tracked) -> None:
    canceled = tracked.faults.get("canceled")
    try:
        fill = execute(world, intent, tracked.tracking_id, canceled.reason if canceled else None)
    except NonceUsed as error:
        tracked.tell("AttemptFailed", {"attempt": 1, "code": error.code, "message": str(error), "willRetry": False})
        tracked.fail("ATTEMPTS_EXHAUSTED", str(error))
    except NotExecuted as error:
        tracked.tell("AttemptFailed", {"attempt": 1, "code": error.code, "message": str(error), "willRetry": False})
        tracked.fail(error.code, str(error))
    except Canceled as error:
        row = world.exchange.journal.declined[-1]
        place = {"orderId": row["orderId"], "transactionHash": row["transactionHash"]}
        tracked.tell("MarketOrderInitiated", place)
        tracked.tell("MarketOrderCanceled", {**place, "reason": str(error)})
    else:
        started = "IncreasePositionRequested" if fill.event == "PositionSizeIncreased" else "MarketOrderInitiated"
        tracked.tell(started, {"orderId": str(fill.order_id), "transactionHash": fill.tx_hash})
        await asyncio.sleep(STEP_S)
        tracked.tell(fill.event, fill.payload())


def _read(body: Json) -> Intent:
    signed = body.get("erc712") or {}
    order_type = body.get("orderType")
    if not isinstance(order_type, int) or not isinstance(signed, dict):
        raise BadIntent("orderType and erc712 are required")
    return read_market_intent(order_type, str(signed.get("userIntent", "")), str(signed.get("userSignature", "")))


def routes(world: World, prefix: str) -> list[BaseRoute]:
    live: dict[str, Tracked] = {}
    running: set[asyncio.Task[None]] = set()

    def accept(intent: Intent, path: str) -> Tracked:
        tracking_id = str(uuid.uuid4())
        log: list[Json] = []
        world.exchange.tracked[tracking_id] = log
        tracked = Tracked(tracking_id, log, world.blocks, world.faults.struck(SERVICE, KINDS_OF_ORDERS, path))
        live[tracking_id] = tracked
        task = asyncio.create_task(_carry_out(world, intent, tracked))
        running.add(task)
        task.add_done_callback(running.discard)
        return tracked

    async def execute_batched(request: Request) -> Response:
        try:
            intent = _read(await json_body(request))
        except ValueError as error:
            return answer({"statusCode": 400, "message": str(error)}, 400)
        if not world.exchange.may_sign(intent.trader, intent.signer):
            return answer({"statusCode": 400, "message": "the signer is not the trader nor an active delegate"}, 400)
        world.exchange.journal.receive(intent.kind, intent.trader, intent.nonce)
        return events(accept(intent, request.url.path).follow())

    async def status(request: Request) -> Response:
        tracking_id = request.path_params["tracking_id"]
        log = world.exchange.tracked.get(tracking_id)
        if log is None or world.faults.struck(SERVICE, ("forget_tracking",), request.url.path):
            return answer({"statusCode": 404, "message": "unknown trackingId"}, 404)
        try:
            after = int(request.query_params.get("afterSeq", "-1"))
        except ValueError:
            return answer({"statusCode": 400, "message": "afterSeq must be a number"}, 400)
        tracked = live.get(tracking_id) or Tracked(tracking_id, log, world.blocks)
        return answer({"events": tracked.replay(after)})

    return [
        Route(f"{prefix}/market/execute-batched", execute_batched, methods=["POST"]),
        Route(f"{prefix}/tracking-id/{{tracking_id}}/status", status),
    ]
