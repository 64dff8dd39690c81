"""The one place that Vanta takes time from, so that tests can move it."""

import datetime as dt
import time

UTC = dt.UTC


def now() -> dt.datetime:
    """The current time, aware, in UTC."""
    return dt.datetime.now(tz=UTC)


def now_ms() -> int:
    """Milliseconds since the epoch, UTC."""
    return time.time_ns() // 1_000_000


def from_ms(milliseconds: int) -> dt.datetime:
    """The aware UTC time of a timestamp in milliseconds."""
    return dt.datetime.fromtimestamp(milliseconds / 1000, tz=UTC)


def monotonic() -> float:
    """Seconds of a clock that never goes back; for durations only."""
    return time.monotonic()
