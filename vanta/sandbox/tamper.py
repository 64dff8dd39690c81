"""The fault `tamper`: an answer that says something else than the truth, in a form that is right."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.types import Message, Send

from vanta.sandbox.faults import Fault
from vanta.sandbox.http import dumps


def changed(value: Any, changes: Mapping[str, Any]) -> Any:
    """A copy of a JSON value in which dotted paths have new values; a path that is not there is left out."""
    told = copy.deepcopy(value)
    for path, wanted in changes.items():
        _put(told, path.split("."), wanted)
    return told


def _put(place: Any, path: Sequence[str], wanted: Any) -> None:
    head, rest = path[0], path[1:]
    if isinstance(place, list):
        keys: list[Any] = list(range(len(place))) if head == "*" else [int(head)] if head.isdigit() else []
        keys = [key for key in keys if key < len(place)]
    elif isinstance(place, dict):
        keys = list(place) if head == "*" else [head] if head in place else []
    else:
        keys = []
    for key in keys:
        if rest:
            _put(place[key], rest, wanted)
        else:
            place[key] = wanted


class Tamperer:
    """A `send` that rewrites a JSON body, or the payloads of an event stream."""

    def __init__(self, send: Send, fault: Fault) -> None:
        self._send = send
        self._fault = fault
        self._start: Message = {}
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            if self._is_stream():
                await self._send(message)
        elif self._is_stream():
            await self._send({**message, "body": self._rewritten_frames(message.get("body", b""))})
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body"):
                await self._finish()

    async def _finish(self) -> None:
        try:
            body = dumps(self._rewritten(json.loads(self._body)))
        except ValueError:
            body = self._body
        others = [(name, value) for name, value in self._start["headers"] if name != b"content-length"]
        await self._send({**self._start, "headers": [*others, (b"content-length", b"%d" % len(body))]})
        await self._send({"type": "http.response.body", "body": body})

    def _rewritten(self, told: Any) -> Any:
        if self._fault.service != "batched-market" or not isinstance(told, dict) or "events" not in told:
            return changed(told, self._fault.changes)
        events = [self._rewritten_event(event) for event in told["events"]]
        return {**told, "events": events}

    def _rewritten_event(self, event: Any) -> Any:
        if self._fault.event not in {"", event["type"]}:
            return event
        return {**event, "payload": changed(event["payload"], self._fault.changes)}

    def _rewritten_frames(self, body: bytes) -> bytes:
        return b"\n\n".join(self._rewritten_frame(one) for one in body.split(b"\n\n"))

    def _rewritten_frame(self, one: bytes) -> bytes:
        head, mark, data = one.partition(b"data: ")
        wanted = self._fault.event.encode()
        if not mark or (wanted and b"event: " + wanted + b"\n" not in head):
            return one
        return head + mark + dumps(changed(json.loads(data), self._fault.changes))

    def _is_stream(self) -> bool:
        return any(value.startswith(b"text/event-stream") for _, value in self._start["headers"])
