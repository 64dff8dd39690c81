"""How the price stream is, in Redis, written by the streamer that leads; nothing is there while none does.

Raises RedisDown; the callers say what follows from it.
"""

from dataclasses import asdict, dataclass
from typing import Any

from vanta import clock, redis

KEY = "feeds:stream"
KEPT_S = 10  # a streamer that has not written for so long is gone
STALE_AFTER_MS = 5000


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """`leader` is who streams (host and process); times in milliseconds since the epoch, 0 where it never happened."""

    leader: str
    state: str  # connecting, streaming, restarting
    since_ms: int
    last_price_ms: int = 0
    markets: int = 0
    failures: int = 0  # in a row
    last_error: str = ""

    def is_flowing(self, now_ms: int) -> bool:
        """Whether prices come."""
        return now_ms - self.last_price_ms <= STALE_AFTER_MS


def record_stream(status: StreamStatus) -> None:
    """Say how the stream is now."""
    fields: dict[Any, Any] = asdict(status)
    pipeline = redis.client().pipeline(transaction=True)
    pipeline.hset(KEY, mapping=fields)
    pipeline.expire(KEY, KEPT_S)
    pipeline.execute()


def read_stream() -> StreamStatus | None:
    """What the leading streamer said last; None where there is none."""
    stored: dict[Any, Any] = redis.client().hgetall(KEY)
    if not stored:
        return None
    numbers = {name: int(stored.get(name) or 0) for name in ("since_ms", "last_price_ms", "markets", "failures")}
    return StreamStatus(
        leader=stored.get("leader", ""),
        state=stored.get("state", ""),
        last_error=stored.get("last_error", ""),
        **numbers,
    )


def describe(status: StreamStatus | None) -> str:
    """One line for operators; empty where all is well."""
    if status is None:
        return "no price stream"
    if status.is_flowing(clock.now_ms()):
        return ""
    failures = f", {status.failures} failures in a row" if status.failures else ""
    return f"the price stream is {status.state}{failures}: {status.last_error or 'no price yet'}"
