"""What each source did last, in Redis: for people, health checks, and the pause that a source asks for.

Raises RedisDown; the callers say what follows from it.
"""

from dataclasses import dataclass
from typing import Any

from vanta import clock, redis

KEY_PREFIX = "feeds:sources:"
LONGEST_ERROR = 200


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """A source's last polls. Times in milliseconds since the epoch, None where it never happened."""

    name: str
    last_ok_ms: int | None = None
    last_error: str = ""
    last_error_ms: int | None = None
    latency_ms: int | None = None
    failures: int = 0  # since the last success
    quotes: int = 0  # in the last success
    asked: int = 0  # markets asked for in the last success
    paused_until_ms: int = 0


def record_success(name: str, *, latency_ms: int, quotes: int, asked: int) -> int:
    """Note a poll that brought quotes; returns how many failed before it."""
    pipeline = redis.client().pipeline(transaction=True)
    pipeline.hget(KEY_PREFIX + name, "failures")
    fields: dict[Any, Any] = {
        "last_ok_ms": clock.now_ms(),
        "latency_ms": latency_ms,
        "quotes": quotes,
        "asked": asked,
        "failures": 0,
    }
    pipeline.hset(KEY_PREFIX + name, mapping=fields)
    return _integer(pipeline.execute()[0]) or 0


def record_failure(name: str, *, error: str, latency_ms: int, pause_s: int | None) -> int:
    """Note a poll that brought nothing, and the pause the source asked for; returns how many failed in a row."""
    now_ms = clock.now_ms()
    fields: dict[Any, Any] = {
        "last_error": error[:LONGEST_ERROR],
        "last_error_ms": now_ms,
        "latency_ms": latency_ms,
    }
    if pause_s is not None:
        fields["paused_until_ms"] = now_ms + pause_s * 1000
    pipeline = redis.client().pipeline(transaction=True)
    pipeline.hincrby(KEY_PREFIX + name, "failures", 1)
    pipeline.hset(KEY_PREFIX + name, mapping=fields)
    return int(pipeline.execute()[0])


def read_status(name: str) -> SourceStatus:
    """What is known of a source; all defaults where it was never polled."""
    stored: dict[Any, Any] = redis.client().hgetall(KEY_PREFIX + name)
    return SourceStatus(
        name=name,
        last_ok_ms=_integer(stored.get("last_ok_ms")),
        last_error=stored.get("last_error", ""),
        last_error_ms=_integer(stored.get("last_error_ms")),
        latency_ms=_integer(stored.get("latency_ms")),
        failures=_integer(stored.get("failures")) or 0,
        quotes=_integer(stored.get("quotes")) or 0,
        asked=_integer(stored.get("asked")) or 0,
        paused_until_ms=_integer(stored.get("paused_until_ms")) or 0,
    )


def _integer(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None
