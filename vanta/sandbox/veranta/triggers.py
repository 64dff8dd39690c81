"""Core's /price-triggers: the levels of a whole position, and partial triggers that are kept off the chain.

What the service answers beside the fields that the SDK reads is unverified.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vanta.sandbox.http import Json, answer, json_body
from vanta.sandbox.veranta.adjusting import update_tp_sl
from vanta.sandbox.veranta.executing import NotExecuted, cause_of, claim
from vanta.sandbox.veranta.intents import STRUCTS, Intent, read_intent, signed_intent
from vanta.sandbox.veranta.positions import PARTIAL_SL, PARTIAL_TP, OpenPosition, Trigger
from vanta.sandbox.veranta.refusals import Reverted
from vanta.sandbox.world import World

FRESH_MS = 300_000
_GLOBAL = re.compile(r"global-(?:tp|sl)-(0x[0-9a-fA-F]{40})-(\d+)-(\d+)$")
Handler = Callable[[World, Request], Awaitable[Json]]


class NotFound(Exception):
    """There is no such position or trigger."""


async def put(world: World, request: Request) -> Json:
    """Changes a position's own levels, or replaces a partial trigger, by the shape of the id."""
    entity_id = request.path_params["entity_id"]
    asked = await json_body(request)
    if place := _GLOBAL.match(entity_id):
        return _put_global(world, place, asked)
    position, old = _find(world, entity_id)
    intent = _read_partial(asked)
    _check_partial(world, intent, position)
    position.triggers.remove(old)
    new = _keep(world, intent, position, "trigger_update")
    return {"success": True, "result": {"oldEntityId": entity_id, "newEntityId": new.entity_id}}


def _put_global(world: World, place: re.Match[str], asked: Json) -> Json:
    intent = read_intent("UpdateTpSlReq", str(asked["userIntent"]), str(asked["signedMessage"]))
    message = intent.message
    wanted = (place[1].lower(), int(place[2]), int(place[3]))
    if wanted != (intent.trader.lower(), message["_pairIndex"], message["_index"]):
        raise ValueError("the id is not that of the signed intent")
    position = world.exchange.find(*wanted)
    if position is None:
        raise NotFound("no such position")
    claim(world, intent)
    effect = update_tp_sl(world, cause_of(intent), position, message["_newTp"], message["_newSl"])
    world.exchange.use_nonce(intent.trader, intent.nonce, intent.signer)
    return {"success": True, "result": {"transactionHash": effect["transactionHash"]}}


async def post(world: World, request: Request) -> Json:
    intent = _read_partial(await json_body(request))
    message = intent.message
    position = world.exchange.find(intent.trader, message["pairIndex"], message["index"])
    if position is None:
        raise NotFound("no such position")
    _check_partial(world, intent, position)
    return position.as_price_trigger(_keep(world, intent, position, "trigger_set"))


async def delete(world: World, request: Request) -> Json:
    asked = await json_body(request)
    entity_id = str(asked["entityId"])
    position, trigger = _find(world, entity_id)
    signed = signed_intent("CancelOffchainOrder", {"entityId": entity_id}, str(asked["signedMessage"]))
    if not world.exchange.may_sign(position.trader, signed.signer):
        raise ValueError("the signer is not the trader nor an active delegate")
    position.triggers.remove(trigger)
    _record(world, signed, position, "trigger_cancel", trigger)
    return {"success": True}


def _read_partial(asked: Json) -> Intent:
    """The signed TpSlReq whose fields came as JSON."""
    message: Json = {}
    for name, type_name in STRUCTS["TpSlReq"]:
        value = asked[name]
        message[name] = value if type_name in {"address", "bool"} else int(value)
    return signed_intent("TpSlReq", message, str(asked["signedMessage"]))


def _check_partial(world: World, intent: Intent, position: OpenPosition) -> None:
    message, now_ms = intent.message, world.blocks.now_ms()
    if not world.exchange.may_sign(intent.trader, intent.signer):
        raise ValueError("the signer is not the trader nor an active delegate")
    if not now_ms - FRESH_MS <= message["signTimestamp"] <= now_ms + 1000:
        raise ValueError("signTimestamp is in the future or too old")
    if message["timestamp"] != position.opened_at_s or message["buy"] != position.is_long:
        raise ValueError("the position is another one")
    if message["orderType"] not in {PARTIAL_TP, PARTIAL_SL} or not 0 < message["coinSize"] <= position.coins:
        raise ValueError("orderType or coinSize is wrong")
    if not world.exchange.use_nonce(intent.trader, intent.nonce, intent.signer):
        raise ValueError("nonce already used")


def _keep(world: World, intent: Intent, position: OpenPosition, kind: str) -> Trigger:
    message = intent.message
    trigger = Trigger(
        entity_id=str(uuid.uuid4()),
        order_type=message["orderType"],
        trigger_type=message["triggerType"],
        coin_size=message["coinSize"],
        price=message["price"],
        percentage=message["percentage"],
        sign_timestamp_ms=message["signTimestamp"],
        nonce=intent.nonce,
    )
    position.triggers.append(trigger)
    _record(world, intent, position, kind, trigger)
    return trigger


def _record(world: World, intent: Intent, position: OpenPosition, kind: str, trigger: Trigger) -> None:
    world.exchange.journal.record(
        kind,
        cause_of(intent, trader=position.trader),
        pairIndex=position.pair_index,
        index=position.index,
        isLong=position.is_long,
        price=position.trigger_price(trigger),
        openedAt=position.opened_at_s,
        detail={"entityId": trigger.entity_id},
    )


def _find(world: World, entity_id: str) -> tuple[OpenPosition, Trigger]:
    for position in world.exchange.positions:
        for trigger in position.triggers:
            if trigger.entity_id == entity_id:
                return position, trigger
    raise NotFound("no such trigger")


def _endpoint(world: World, handler: Handler, status: int) -> Callable[[Request], Awaitable[Response]]:
    async def respond(request: Request) -> Response:
        try:
            return answer(await handler(world, request), status)
        except NotFound as error:
            return answer({"statusCode": 404, "message": str(error)}, 404)
        except KeyError as error:
            return answer({"statusCode": 400, "message": f"{error.args[0]} is required"}, 400)
        except (Reverted, NotExecuted, ValueError, TypeError) as error:
            return answer({"statusCode": 400, "message": str(error)}, 400)

    return respond


def routes(world: World, prefix: str) -> list[BaseRoute]:
    path = f"{prefix}/price-triggers"
    return [
        Route(path, _endpoint(world, post, 201), methods=["POST"]),
        Route(path, _endpoint(world, delete, 200), methods=["DELETE"]),
        Route(f"{path}/{{entity_id}}", _endpoint(world, put, 200), methods=["PUT"]),
    ]
