"""One private event loop on a thread, for asynchronous clients inside a synchronous worker."""

import asyncio
import concurrent.futures
import os
import threading
from collections.abc import Coroutine
from functools import cache
from typing import Any, TypeVar

Result = TypeVar("Result")
GRACE_S = 0.5  # between the coroutine's own bound and ours


class BackgroundLoop:
    """Runs coroutines of one process on one long-lived loop, so that a client keeps its connections between calls."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name=name, daemon=True).start()

    def begin(self, work: Coroutine[Any, Any, Result]) -> "concurrent.futures.Future[Result]":
        """Start a coroutine; its future belongs to the caller's thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def run(self, work: Coroutine[Any, Any, Result], *, timeout_s: float) -> Result:
        """The coroutine's result. Raises TimeoutError after `timeout_s`; the coroutine is cancelled then."""
        future = asyncio.run_coroutine_threadsafe(asyncio.wait_for(work, timeout_s), self._loop)
        try:
            return future.result(timeout_s + GRACE_S)
        except concurrent.futures.TimeoutError:
            future.cancel()
            raise


def private_loop() -> BackgroundLoop:
    """The process's loop, started at first use: a loop made before a fork would have no thread in the child."""
    return _loop_of(os.getpid())


@cache
def _loop_of(pid: int) -> BackgroundLoop:
    return BackgroundLoop(f"sources-{pid}")
