"""The control API: what a test or the chat page's drawer may do to the pretended world."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from vanta.sandbox import venue_control
from vanta.sandbox.faults import BadFault, parse_fault
from vanta.sandbox.http import Json, answer, json_body
from vanta.sandbox.telegram.errors import BotApiError
from vanta.sandbox.telegram.people import CannotDo, set_blocked, tap, type_text
from vanta.sandbox.veranta.refusals import Canceled, Reverted
from vanta.sandbox.world import World

Handler = Callable[[World, Request], Awaitable[Json]]
PREFIX = "/control"


async def state(world: World, _: Request) -> Json:
    served = {service: dict(counts) for service, counts in world.served.items()}
    return {
        "seed": world.settings.seed,
        "uptime_s": round(time.time() - world.started_at_s, 3),
        "prices": world.market.prices(),
        "walk_frozen": world.market.frozen,
        "closed_markets": world.closed_markets,
        "faults": [fault.describe() for fault in world.faults.faults],
        "served": served,
        "webhook": {
            "url": world.delivery.url,
            "pending": world.delivery.pending,
            "delivered": world.delivery.delivered,
            "last_error": world.delivery.last_error,
        },
        "chats": [chat.as_page for chat in world.chats.all()],
    }


async def add_fault(world: World, request: Request) -> Json:
    fault = parse_fault(await json_body(request), world.market)
    world.faults.add(fault)
    return fault.describe()


async def clear_faults(world: World, request: Request) -> Json:
    return {"removed": world.faults.clear(request.query_params.get("service"))}


async def set_price(world: World, request: Request) -> Json:
    asked = await json_body(request)
    spec = world.listing.find(str(asked["symbol"]))
    price = float(asked["price"])
    if spec is None or not 0 < price < float("inf"):
        raise ValueError("symbol must be a listed market and price a positive number")
    world.market.set_price(spec.price_symbol, price, time.time())
    return {"symbol": spec.price_symbol, "price": price}


async def freeze(world: World, request: Request) -> Json:
    world.market.frozen = bool((await json_body(request)).get("frozen", True))
    return {"frozen": world.market.frozen}


async def set_hours(world: World, request: Request) -> Json:
    """Closes a market until `next_open` (Unix seconds, an hour from now by default), or opens it."""
    asked = await json_body(request)
    spec = world.listing.find(str(asked["symbol"]))
    if spec is None:
        raise ValueError("symbol must be a listed market")
    if asked.get("open", True):
        world.closed_markets.pop(spec.price_symbol, None)
    else:
        world.closed_markets[spec.price_symbol] = int(asked.get("next_open") or time.time() + 3600)
    return {"closed_markets": world.closed_markets}


async def send_text(world: World, request: Request) -> Json:
    asked = await json_body(request)
    message = type_text(world.chats, world.delivery, user_id=int(asked["user_id"]), text=str(asked["text"]))
    return message.as_page()


async def send_tap(world: World, request: Request) -> Json:
    asked = await json_body(request)
    button = str(asked.get("data") or asked.get("button") or asked.get("text") or "")
    ids = {"user_id": int(asked["user_id"]), "message_id": int(asked["message_id"])}
    return {"callback_id": tap(world.chats, world.delivery, button=button, **ids)}


async def messages(world: World, request: Request) -> Json:
    chat = world.chats.chat(int(request.query_params["chat_id"]))
    after = int(request.query_params.get("after", "0"))
    found = [message.as_page() for message in chat.messages.values() if message.message_id > after]
    return {"messages": found}


async def block(world: World, request: Request) -> Json:
    asked = await json_body(request)
    is_blocked = bool(asked.get("blocked", True))
    set_blocked(world.chats, world.delivery, user_id=int(asked["chat_id"]), is_blocked=is_blocked)
    return {"blocked": is_blocked}


async def inject(world: World, request: Request) -> Json:
    """Any update, as it is; one without an id gets the next. `chat_id` in the query chooses its queue."""
    update = await json_body(request)
    update.setdefault("update_id", world.delivery.next_update_id())
    query = update.get("callback_query")
    if isinstance(query, dict) and "id" in query:
        place = query.get("message") or {}
        chat_id = int(((place.get("chat") or {}).get("id")) or 0)
        world.chats.remember_callback(str(query["id"]), chat_id, int(place.get("message_id") or 0))
    world.delivery.put(int(request.query_params.get("chat_id", "0")), update)
    return {"update_id": update["update_id"]}


_ROUTES: tuple[tuple[str, str, Handler], ...] = (
    ("GET", "/state", state),
    ("POST", "/faults", add_fault),
    ("DELETE", "/faults", clear_faults),
    ("POST", "/price", set_price),
    ("POST", "/freeze", freeze),
    ("POST", "/hours", set_hours),
    ("POST", "/messages", send_text),
    ("GET", "/messages", messages),
    ("POST", "/taps", send_tap),
    ("POST", "/block", block),
    ("POST", "/webhook", inject),
    *venue_control.ROUTES,
)


def endpoint(world: World, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """A handler with its mistakes turned into 400 and a sentence."""

    async def respond(request: Request) -> Response:
        try:
            return answer(await handler(world, request))
        except KeyError as error:
            return answer({"error": f"{error.args[0]} is missing"}, 400)
        except BotApiError as error:
            return answer({"error": error.description}, error.code)
        except (BadFault, CannotDo, Canceled, Reverted, ValueError, TypeError, ArithmeticError) as error:
            return answer({"error": str(error)}, 400)

    return respond


def routes(world: World) -> list[BaseRoute]:
    return [Route(PREFIX + path, endpoint(world, handler), methods=[method]) for method, path, handler in _ROUTES]
