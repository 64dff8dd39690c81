"""Where every request comes in: counts it, applies a fault if one is in force, hands it to its service."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vanta.sandbox.faults import STREAM_PATH, Fault
from vanta.sandbox.http import dumps, torn
from vanta.sandbox.tamper import Tamperer
from vanta.sandbox.telegram.errors import BotApiError, TooManyRequests
from vanta.sandbox.telegram.service import read_body
from vanta.sandbox.world import World

_PREFIXES: tuple[tuple[str, str], ...] = (
    ("/telegram/", "telegram"),
    ("/veranta/data/", "data"),
    ("/veranta/core/", "core"),
    ("/veranta/risk/", "risk"),
    ("/veranta/batched-market/", "batched-market"),
    ("/veranta/blitz/", "blitz"),
    ("/veranta/twap/", "twap"),
    ("/veranta/tx-builder/", "tx-builder"),
    ("/tx-builder/", "tx-builder"),
    ("/veranta/feed/", "feed"),
    ("/feed/", "feed"),
    ("/veranta/history/", "history"),
    ("/history/", "history"),
    ("/coingecko/", "coingecko"),
    ("/rpc", "rpc"),
    ("/wallet/", "wallet"),
    ("/chat", "page"),
    ("/control/", "control"),
)
_LOCAL_HOSTS = frozenset({b"127.0.0.1", b"localhost", b"[::1]"})
GARBAGE = b"\x00\xff<<<{]not json\xfe"


def service_of(path: str) -> str:
    for prefix, service in _PREFIXES:
        if path.startswith(prefix):
            return service
    return "page"


class FrontDoor:
    """The outermost ASGI application."""

    def __init__(self, world: World, telegram: ASGIApp, others: ASGIApp) -> None:
        self.world = world
        self._telegram = telegram
        self._others = others

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._others(scope, receive, send)
            return
        path: str = scope["path"]
        service = service_of(path)
        app = self._telegram if service == "telegram" else self._others
        self.world.served[service]["requests"] += 1
        if service in {"page", "control"} and not _is_local(scope):
            await _respond(send, 403, {"error": "the sandbox answers on loopback names only"})
            return
        fault = self.world.faults.for_request(service, path) if self.world.faults.faults else None
        if fault is None:
            await app(scope, receive, send)
        else:
            await self._misbehave(fault, app, scope, receive, send)

    async def _misbehave(self, fault: Fault, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        if fault.kind == "hang":
            hang = _hang_after if fault.when == "after" else _hang
            await hang(fault.seconds, app, scope, receive, send)
            return
        if fault.kind in {"truncated", "tamper"}:
            await app(scope, receive, _Cutter(send) if fault.kind == "truncated" else Tamperer(send, fault))
            return
        # Nothing comes after a stream that does not end.
        if fault.when == "after" and not scope["path"].endswith(STREAM_PATH):
            await app(scope, receive, _swallow)
        else:
            await read_body(receive)
        if fault.kind == "drop":
            await _drop(receive, send)
        elif fault.kind == "garbage":
            await _respond_bytes(send, 200, GARBAGE, ())
        else:
            await self._refuse(fault, send)

    async def _refuse(self, fault: Fault, send: Send) -> None:
        is_telegram = fault.service == "telegram"
        if fault.kind == "rate_limit":
            body: Any = {"status": {"error_code": 429, "error_message": "rate limit exceeded"}}
            body = TooManyRequests(fault.retry_after).as_json() if is_telegram else body
            await _respond(send, 429, body, ((b"retry-after", b"%d" % fault.retry_after),))
            return
        error = BotApiError(fault.status, "Internal Server Error" if fault.status >= 500 else "Injected fault")
        plain = {"statusCode": fault.status, "message": "injected fault"}
        await _respond(send, fault.status, error.as_json() if is_telegram else plain)


def _is_local(scope: Scope) -> bool:
    """Keeps pages of other sites from reaching the controls through a name that resolves to loopback."""
    host: bytes = next((value for name, value in scope["headers"] if name == b"host"), b"")
    name = host if host.endswith(b"]") else host.rpartition(b":")[0] or host
    origin: bytes = next((value for name, value in scope["headers"] if name == b"origin"), b"")
    is_own_page = not origin or origin.partition(b"://")[2] == host
    return name in _LOCAL_HOSTS and is_own_page


async def _hang(seconds: float, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Answers late; a client that gives up first is let go, and its request is not carried out."""
    body = await read_body(receive)
    try:
        await asyncio.wait_for(receive(), seconds)
    except TimeoutError:
        await app(scope, _replayed(body, receive), send)


async def _hang_after(seconds: float, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Carries the request out at once and answers late."""
    held: list[Message] = []

    async def hold(message: Message) -> None:
        held.append(message)

    await app(scope, receive, hold)
    await asyncio.sleep(seconds)
    for message in held:
        await send(message)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives a body once more that was read already."""
    given: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return given.pop() if given else await receive()

    return replay


class _Cutter:
    """A `send` that lets half of the body through, with a length to match; of an event stream, half of each frame."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._start: Message = {}
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            if self._is_stream():
                await self._send(message)
        elif self._is_stream():
            await self._send({**message, "body": torn(message.get("body", b""))})
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                await self._finish()

    async def _finish(self) -> None:
        half = self._body[: len(self._body) // 2]
        others = [(name, value) for name, value in self._start["headers"] if name != b"content-length"]
        await self._send({**self._start, "headers": [*others, (b"content-length", b"%d" % len(half))]})
        await self._send({"type": "http.response.body", "body": half})

    def _is_stream(self) -> bool:
        return any(value.startswith(b"text/event-stream") for _, value in self._start["headers"])


async def _swallow(_: Message) -> None:
    """Takes an answer that the client shall not see."""


async def _drop(receive: Receive, send: Send) -> None:
    """Cuts the connection. uvicorn's send is a method of the cycle that holds the transport."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is None:
        raise ConnectionError("the server does not expose its transport")
    transport.abort()
    # Returning before uvicorn has seen the cut would look like an application that forgot to answer.
    await receive()


async def _respond(send: Send, status: int, value: Any, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
    await _respond_bytes(send, status, dumps(value), headers)


async def _respond_bytes(send: Send, status: int, body: bytes, headers: tuple[tuple[bytes, bytes], ...]) -> None:
    known = ((b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": [*known, *headers]})
    await send({"type": "http.response.body", "body": body})
