"""Running many probes at once, each with an end in time, whatever hangs.

A probe has one slot: while an earlier run of it still hangs, no second one is started, so that a dead dependency costs
one thread and not one a second. A run that hangs for longer than ABANDON_S is given up for a new one.
"""

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.db import connections

from vanta import clock

T = TypeVar("T")
ABANDON_S = 10


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What a probe returned, or what it raised; TimeoutError where it is not done yet."""

    value: T | None
    error: BaseException | None
    latency_ms: float


@dataclass(slots=True)
class _Run(Generic[T]):
    future: "Future[T]"
    started: float
    ended: float | None = None


class Slots(Generic[T]):
    """The threads of a process's probes. Thread-safe."""

    def __init__(self, name: str, max_threads: int = 48) -> None:
        self._pool = ThreadPoolExecutor(max_threads, thread_name_prefix=name)
        self._runs: dict[str, _Run[T]] = {}
        self._lock = threading.Lock()

    def run(self, probes: Mapping[str, Callable[[], T]], timeout_s: float) -> dict[str, Outcome[T]]:
        """Run all probes at once and return after `timeout_s` at most."""
        with self._lock:
            runs = {name: self._run_of(name, probe) for name, probe in probes.items()}
        wait([run.future for run in runs.values()], timeout=timeout_s)
        return {name: _outcome(run) for name, run in runs.items()}

    def _run_of(self, name: str, probe: Callable[[], T]) -> _Run[T]:
        now = clock.monotonic()
        hanging = self._runs.get(name)
        if hanging is not None and not hanging.future.done() and now - hanging.started < ABANDON_S:
            return hanging
        run: _Run[T] = _Run(self._pool.submit(_call, probe), now)
        run.future.add_done_callback(lambda _: _note_end(run))
        self._runs[name] = run
        return run


def _call(probe: Callable[[], T]) -> T:
    """In a pool's thread, which has no request to end: it closes its database connections itself."""
    try:
        return probe()
    finally:
        connections.close_all()


def _note_end(run: _Run[T]) -> None:
    run.ended = clock.monotonic()


def _outcome(run: _Run[T]) -> Outcome[T]:
    latency_ms = round(((run.ended or clock.monotonic()) - run.started) * 1000, 1)
    if not run.future.done():
        return Outcome(None, TimeoutError(f"no answer within {latency_ms / 1000:.1f} s"), latency_ms)
    error = run.future.exception()
    return Outcome(None if error else run.future.result(), error, latency_ms)
