"""The Bot API over HTTP, as one bare ASGI function: the path that benches send every message through."""

from __future__ import annotations

import hmac
import re
from typing import Any

from starlette.types import Receive, Scope, Send

from vanta.sandbox.http import dumps
from vanta.sandbox.telegram.bot_methods import METHODS
from vanta.sandbox.telegram.errors import BadRequest, BotApiError
from vanta.sandbox.telegram.forms import Form, read_form
from vanta.sandbox.telegram.methods import Bot
from vanta.sandbox.world import World

MAX_BODY = 50 * 1024 * 1024
PREFIX = "/telegram/"
_TOKEN = re.compile(r"\d+:[\w-]{3,}")


class TelegramService:
    """Answers /telegram/bot<token>/<method> and the files under /telegram/file/bot<token>/<path>."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._bot = Bot(world.chats, world.delivery)
        self._served = world.served["telegram"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        kind, _, rest = path.removeprefix(PREFIX).partition("/") if "/file/" in path else ("", "", path[len(PREFIX) :])
        bot, _, method = rest.partition("/")
        try:
            self._check_token(bot)
            if kind == "file":
                await self._send_file(method, send)
                return
            result = await self._call(method, scope, receive)
        except BotApiError as error:
            await _send_json(send, error.code, error.as_json())
            return
        await _send_json(send, 200, {"ok": True, "result": result})

    def _check_token(self, bot: str) -> None:
        token = bot.removeprefix("bot")
        wanted = self._world.settings.bot_token
        if not bot.startswith("bot") or not _TOKEN.fullmatch(token):
            raise BotApiError(404, "Not Found")
        if wanted and not hmac.compare_digest(token.encode(), wanted.encode()):
            raise BotApiError(401, "Unauthorized")

    async def _call(self, method: str, scope: Scope, receive: Receive) -> Any:
        handler = METHODS.get(method.lower())
        if handler is None:
            raise BotApiError(404, "Not Found: method not found")
        self._served[method] += 1
        body = await read_body(receive)
        content_type = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
        try:
            form: Form = read_form(content_type, body, scope["query_string"])
            return handler(self._bot, form)
        except UnicodeError:
            raise BadRequest("strings must be encoded in UTF-8") from None
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BadRequest(f"invalid parameters ({type(error).__name__})") from error

    async def _send_file(self, path: str, send: Send) -> None:
        found = self._world.chats.files.get(path.rsplit("/", 1)[-1])
        if found is None:
            raise BotApiError(404, "Not Found")
        await _send(send, 200, found.content, b"application/octet-stream")


async def read_body(receive: Receive) -> bytes:
    """The whole body of a request; more than Telegram takes is refused."""
    chunks: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > MAX_BODY:
            raise BotApiError(413, "Request Entity Too Large")
        chunks.append(chunk)
        more = message.get("more_body", False)
    return b"".join(chunks)


async def _send_json(send: Send, status: int, value: Any) -> None:
    await _send(send, status, dumps(value), b"application/json")


async def _send(send: Send, status: int, body: bytes, media_type: bytes) -> None:
    headers = [(b"content-type", media_type), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
