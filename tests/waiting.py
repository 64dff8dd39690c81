"""The one place where a test may pause: polling a condition, bounded in time."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
POLL_S = 0.02


def wait_until(predicate: Callable[[], T], timeout_s: float, what: str) -> T:
    """The first truthy answer of `predicate`. Raises AssertionError naming `what` when there is none in `timeout_s`."""
    pause, deadline = threading.Event(), time.monotonic() + timeout_s
    while True:
        if answer := predicate():
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s} s: {what}; the last answer was {answer!r}")
        pause.wait(POLL_S)
