"""The chat page: its files, its state, and what happens while it is open."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from vanta.sandbox.control import endpoint, send_tap, send_text
from vanta.sandbox.http import Json, answer, events, frame
from vanta.sandbox.telegram.chats import Chat
from vanta.sandbox.world import World

STATIC = Path(__file__).parent / "static"
SHOWN_MESSAGES, SHOWN_OF_OTHERS, SHOWN_CHATS = 200, 40, 60
TICKER_PERIOD_S = 1.0
TICKER = ("ETH/USD", "BTC/USD", "SOL/USD", "EUR/USD", "USD/JPY", "XAU/USD", "US500/USD")
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'"


def _shown_chats(world: World) -> list[Chat]:
    """The demo people, then those who were written to last."""
    chats = world.chats.all()
    chats.sort(key=lambda chat: (not chat.is_demo, -chat.last_message_id if not chat.is_demo else 0))
    return chats[:SHOWN_CHATS]


def _page_state(world: World) -> Json:
    chats = []
    for chat in _shown_chats(world):
        newest = list(chat.messages.values())[-SHOWN_MESSAGES if chat.is_demo else -SHOWN_OF_OTHERS :]
        chats.append({**chat.as_page, "messages": [message.as_page() for message in newest]})
    return {
        "seq": world.chats.told,
        "bot": world.chats.bot,
        "commands": world.chats.commands,
        "chats": chats,
        "webhook": {"url": world.delivery.url, "error": world.delivery.last_error},
    }


def _ticker(world: World) -> Json:
    prices = {symbol: world.market.tick(symbol).price for symbol in TICKER}
    return {"prices": prices, "faults": len(world.faults.faults), "webhook_error": world.delivery.last_error}


async def _events(world: World) -> AsyncIterator[bytes]:
    queue: asyncio.Queue[Json] = asyncio.Queue()
    world.chats.subscribers.add(queue)
    ticker_due_s = 0.0
    try:
        yield frame("hello", {"seq": world.chats.told})
        while queue in world.chats.subscribers and not world.is_stopping:
            if time.monotonic() >= ticker_due_s:
                ticker_due_s = time.monotonic() + TICKER_PERIOD_S
                yield frame("ticker", _ticker(world))
            try:
                note = await asyncio.wait_for(queue.get(), max(ticker_due_s - time.monotonic(), 0))
            except TimeoutError:
                continue
            yield frame("note", note)
    finally:
        world.chats.subscribers.discard(queue)


def _tell_delivery(world: World, update: Json, is_delivered: bool) -> None:
    """Marks a person's message as read by the bot, once its webhook took it."""
    told = update.get("message")
    if not is_delivered or not isinstance(told, dict) or "message_id" not in told:
        return
    chat_id, message_id = int(told["chat"]["id"]), int(told["message_id"])
    message = world.chats.chat(chat_id).messages.get(message_id)
    if message is None:
        return
    message.is_delivered = True
    if world.chats.subscribers:
        world.chats.tell("delivered", chat_id=chat_id, message_id=message_id)


def routes(world: World) -> list[BaseRoute]:
    async def index(_: Request) -> Response:
        headers = {"content-security-policy": POLICY, "cache-control": "no-store"}
        return Response((STATIC / "index.html").read_bytes(), headers=headers, media_type="text/html")

    async def page_state(_: Request) -> Response:
        return answer(_page_state(world))

    async def page_events(_: Request) -> Response:
        return events(_events(world))

    async def file(request: Request) -> Response:
        found = world.chats.files.get(request.path_params["file_id"])
        if found is None:
            return answer({"error": "no such file"}, 404)
        headers = {"x-content-type-options": "nosniff", "content-security-policy": "default-src 'none'"}
        return Response(found.content, media_type=found.media_type, headers=headers)

    world.delivery.on_result = lambda update, is_delivered: _tell_delivery(world, update, is_delivered)
    return [
        Route("/", index),
        Route("/chat/state", page_state),
        Route("/chat/events", page_events),
        Route("/chat/messages", endpoint(world, send_text), methods=["POST"]),
        Route("/chat/taps", endpoint(world, send_tap), methods=["POST"]),
        Route("/chat/files/{file_id}", file),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
