"""The last moment at which a submission may begin, held where its bytes are written and not where it was decided.

Between the two lie the pool of connections, the resolver, TCP and TLS: seconds, in which somebody may halt trading.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpx

from vanta import clock

_start_by: ContextVar[float | None] = ContextVar("start_by", default=None)
WRITES = (".send_request_headers.started", ".send_request_body.started")  # of httpcore, HTTP/1.1 and 2


class TooLate(Exception):
    """The moment was over before anything was written that could be executed."""


@contextmanager
def begun_by(moment: float | None) -> Iterator[None]:
    """Requests that this task makes inside begin until `moment` (`clock.monotonic()`), or raise TooLate."""
    token = _start_by.set(moment)
    try:
        check()
        yield
    finally:
        _start_by.reset(token)


def check() -> None:
    """Raises TooLate where this task's moment is over."""
    moment = _start_by.get()
    if moment is not None and clock.monotonic() > moment:
        raise TooLate


def watch(client: httpx.AsyncClient) -> None:
    """Have every request of this client held to its task's moment, as its headers and its body are written."""
    hooks = client.event_hooks
    client.event_hooks = {**hooks, "request": [*hooks.get("request", []), _trace]}


async def _trace(request: httpx.Request) -> None:
    request.extensions["trace"] = _hold


async def _hold(event: str, _info: dict[str, Any]) -> None:
    if event.endswith(WRITES):
        check()
