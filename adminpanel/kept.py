"""An answer that costs much, given to all who ask for it within some seconds."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from vanta import clock

T = TypeVar("T")


class Kept(Generic[T]):
    """What `question` answers, not older than `seconds`. One thread asks for all; a failure is not kept."""

    def __init__(self, question: Callable[[], T], seconds: int) -> None:
        self._question, self._seconds = question, seconds
        self._lock = threading.Lock()
        self._kept: tuple[float, T] | None = None

    def __call__(self) -> T:
        with self._lock:
            if self._kept is None or clock.monotonic() - self._kept[0] > self._seconds:
                self._kept = clock.monotonic(), self._question()
            return self._kept[1]

    def forget(self) -> None:
        """Ask anew next time."""
        with self._lock:
            self._kept = None
