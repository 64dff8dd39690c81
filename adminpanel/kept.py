"""An answer that costs much, given to all who ask for it within some seconds."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from vanta import clock

T = TypeVar("T")


class Kept(Generic[T]):
    """What `question` answers, not older than `seconds`. One thread asks for all.

    A failure is kept as well: what takes too long must not be asked again by everybody who waits for it.
    """

    def __init__(self, question: Callable[[], T], seconds: int) -> None:
        self._question, self._seconds = question, seconds
        self._lock = threading.Lock()
        self._ask_at = 0.0
        self._answer: T | Exception = LookupError("nobody has asked")

    def __call__(self) -> T:
        with self._lock:
            if clock.monotonic() >= self._ask_at:
                self._answer = self._ask()
                self._ask_at = clock.monotonic() + self._seconds
            if isinstance(self._answer, Exception):
                raise self._answer
            return self._answer

    def _ask(self) -> T | Exception:
        try:
            return self._question()
        except Exception as error:
            return error

    def forget(self) -> None:
        """Ask anew next time."""
        with self._lock:
            self._ask_at = 0.0
