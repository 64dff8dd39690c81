"""Trace ids: one short id that follows a request through web, workers, orders, messages and back."""

import contextlib
import secrets
from collections.abc import Iterator

import structlog
from structlog.contextvars import bind_contextvars, bound_contextvars, get_contextvars

TRACE_HEADER = "X-Trace-Id"


def new_trace_id() -> str:
    """Sixteen random hexadecimal digits."""
    return secrets.token_hex(8)


def current_trace_id() -> str:
    """The trace id bound to this thread or task; empty where none is."""
    value = get_contextvars().get("trace_id", "")
    return value if isinstance(value, str) else ""


@contextlib.contextmanager
def bind_trace(trace_id: str, **names: object) -> Iterator[str]:
    """Bind `trace_id` (a new one where it is empty) and `names` to every log line inside the block."""
    trace_id = trace_id or new_trace_id()
    with bound_contextvars(trace_id=trace_id, **names):
        yield trace_id


def reset_trace(trace_id: str = "") -> str:
    """Forget everything bound so far and begin anew; for the start of a request or task."""
    structlog.contextvars.clear_contextvars()
    trace_id = trace_id or new_trace_id()
    bind_contextvars(trace_id=trace_id)
    return trace_id
