"""What each source did last, in Redis: for people, health checks, and the circuit that spares a failing source.

After CIRCUIT_OPENS_AFTER failures in a row a source is only probed, at growing intervals up to its own longest; the
first success closes the circuit. A pause that the source asked for itself is kept in any case.
Raises RedisDown; the callers say what follows from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from feeds.consensus import Quote
from feeds.sources.base import SourceError
from vanta import clock, redis

KEY_PREFIX = "feeds:sources:"
LONGEST_ERROR = 200
CIRCUIT_OPENS_AFTER = 5
FIRST_PAUSE_S = 1
MAX_DOUBLINGS = 16
SILENT_AFTER_MS = 30_000  # three polls of the slowest
Circuit = Literal["closed", "open", "probing"]
Condition = Literal["ok", "failing", "paused", "open", "probing", "silent", "never heard"]


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
    newest_quote_ms: int | None = None  # the source's own time, in the last success
    paused_until_ms: int = 0

    def circuit(self, now_ms: int) -> Circuit:
        """Open while a source that keeps failing is left alone, probing while its next answer decides."""
        if self.failures < CIRCUIT_OPENS_AFTER:
            return "closed"
        return "open" if self.paused_until_ms > now_ms else "probing"

    def condition(self, now_ms: int) -> Condition:
        """How the source is, in a word; silent is one that nobody asks, or that has nothing to say."""
        circuit = self.circuit(now_ms)
        if circuit != "closed":
            return circuit
        if self.paused_until_ms > now_ms:
            return "paused"
        if self.failures:
            return "failing"
        if self.last_ok_ms is None:
            return "never heard"
        return "ok" if now_ms - self.last_ok_ms <= SILENT_AFTER_MS else "silent"


def record_success(name: str, *, latency_ms: int, quotes: Sequence[Quote], asked: int) -> int:
    """Note a poll that brought quotes; returns how many failed before it."""
    pipeline = redis.client().pipeline(transaction=True)
    pipeline.hget(KEY_PREFIX + name, "failures")
    fields: dict[Any, Any] = {
        "last_ok_ms": clock.now_ms(),
        "latency_ms": latency_ms,
        "quotes": len(quotes),
        "asked": asked,
        "newest_quote_ms": max(quote.timestamp_ms for quote in quotes),
        "failures": 0,
    }
    pipeline.hset(KEY_PREFIX + name, mapping=fields)
    return _integer(pipeline.execute()[0]) or 0


def record_streamed(name: str, quotes: Sequence[Quote], *, asked: int) -> None:
    """Note what a source's stream has brought. It says nothing about its pull: failures stay as they are."""
    fields: dict[Any, Any] = {
        "last_ok_ms": clock.now_ms(),
        "quotes": len(quotes),
        "asked": asked,
        "newest_quote_ms": max(quote.timestamp_ms for quote in quotes),
    }
    redis.client().hset(KEY_PREFIX + name, mapping=fields)


def forgive(name: str) -> None:
    """Forget the failures of a source that has nothing to be asked for."""
    redis.client().hset(KEY_PREFIX + name, "failures", 0)


def record_failure(name: str, *, error: SourceError, latency_ms: int, longest_pause_s: int) -> int:
    """Note a poll that brought nothing; returns how many failed in a row, and pauses the source where that is due."""
    now_ms = clock.now_ms()
    failures = int(redis.client().hincrby(KEY_PREFIX + name, "failures", 1))
    pause_s = max(error.retry_after_s or 0, _circuit_pause_s(failures, longest_pause_s))
    fields: dict[Any, Any] = {
        "last_error": str(error)[:LONGEST_ERROR],
        "last_error_ms": now_ms,
        "latency_ms": latency_ms,
        "paused_until_ms": now_ms + pause_s * 1000,
    }
    redis.client().hset(KEY_PREFIX + name, mapping=fields)
    return failures


def _circuit_pause_s(failures: int, longest_s: int) -> int:
    """Seconds to the next probe, after so many failures in a row."""
    if failures < CIRCUIT_OPENS_AFTER:
        return 0
    doublings = min(failures - CIRCUIT_OPENS_AFTER, MAX_DOUBLINGS)
    return int(min(FIRST_PAUSE_S * 2**doublings, longest_s))


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
        newest_quote_ms=_integer(stored.get("newest_quote_ms")),
        paused_until_ms=_integer(stored.get("paused_until_ms")) or 0,
    )


def _integer(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None
