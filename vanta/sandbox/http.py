"""Small ASGI pieces that the services share: JSON answers, request bodies, server-sent events."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

Json = dict[str, Any]
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def dumps(value: Any) -> bytes:
    return _encode(value).encode()


def answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(dumps(value), status_code=status, headers=headers, media_type="application/json")


async def json_body(request: Request) -> Json:
    """The request's JSON object; raises ValueError for anything else."""
    value = json.loads(await request.body() or b"{}")
    if not isinstance(value, dict):
        raise ValueError("a JSON object is expected")
    return value


def events(stream: AsyncIterator[bytes]) -> StreamingResponse:
    """A server-sent event stream of ready-made frames."""
    return StreamingResponse(stream, media_type="text/event-stream", headers={"cache-control": "no-store"})


def frame(event: str, data: Any, event_id: int | None = None) -> bytes:
    """One server-sent event."""
    head = b"" if event_id is None else b"id: %d\n" % event_id
    return head + b"event: " + event.encode() + b"\ndata: " + dumps(data) + b"\n\n"


def torn(whole: bytes) -> bytes:
    """A frame whose data line ends half-way; a comment stays as it is."""
    head, mark, rest = whole.partition(b"data: ")
    line = rest.rstrip(b"\n")
    return head + mark + line[: len(line) // 2] + b"\n\n" if mark else whole
