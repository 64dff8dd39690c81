"""The way from nothing to ready: prepare the database, start the processes that need it, wait until Vanta answers."""

import time
from collections.abc import Callable, Sequence
from typing import Protocol

import httpx

from vanta.supervision.child import Child, Program

ASK_EVERY_S = 0.3
COMPLAIN_AFTER_S = 60.0


class Runner(Protocol):
    """What starting needs of the supervisor."""

    def add(self, programs: Sequence[Program]) -> None: ...
    def note(self, text: str, *, alarm: bool = False) -> None: ...
    def show(self, child: Child) -> None: ...
    def stop(self, reason: str) -> None: ...


class Startup:
    """Goes through its phases as the supervisor ticks: preparing, starting, ready."""

    def __init__(
        self,
        *,
        preparation: Program,
        programs: Sequence[Program],
        readyz_url: str,
        on_ready: Callable[[], None],
        may_wait: bool = True,
    ) -> None:
        """`may_wait`: what is not ready after a minute is complained about and waited for; else starting has failed."""
        self.preparation, self.programs, self.may_wait = Child(preparation), programs, may_wait
        self.readyz_url, self.on_ready = readyz_url, on_ready
        self.phase: Callable[[Runner], None] = self._prepare
        self.failed = False
        self._ask_at = self._complain_at = 0.0

    def tick(self, runner: Runner) -> None:
        """One step forward, if there is one."""
        self.phase(runner)

    def close(self) -> None:
        """End the preparation if it still runs."""
        if self.preparation.alive():
            self.preparation.kill_rest()

    def _prepare(self, runner: Runner) -> None:
        self.preparation.start()
        self.phase = self._await_preparation

    def _await_preparation(self, runner: Runner) -> None:
        alive = self.preparation.alive()
        runner.show(self.preparation)
        if alive:
            return
        if self.preparation.process is None or self.preparation.process.returncode != 0:
            runner.note(f"{self.preparation.name} {self.preparation.ending()}: Vanta does not start", alarm=True)
            self.failed = True
            runner.stop("not prepared")
            return
        runner.add(self.programs)
        self._complain_at = time.monotonic() + COMPLAIN_AFTER_S
        self.phase = self._await_ready

    def _await_ready(self, runner: Runner) -> None:
        now = time.monotonic()
        if now < self._ask_at:
            return
        self._ask_at = now + ASK_EVERY_S
        answer = _ask(self.readyz_url)
        if answer is not None and answer.status_code == httpx.codes.OK:
            self.phase = self._ready
            self.on_ready()
        elif now > self._complain_at:
            self._complain_at = now + COMPLAIN_AFTER_S
            detail = "no answer" if answer is None else answer.text[:500]
            runner.note(f"still not ready, {self.readyz_url} says: {detail}", alarm=True)
            if not self.may_wait:
                self.failed = True
                runner.stop("not ready in time")

    def _ready(self, runner: Runner) -> None:
        """Nothing is left to do."""


def _ask(url: str) -> httpx.Response | None:
    try:
        return httpx.get(url, timeout=1, trust_env=False)
    except httpx.HTTPError:
        return None  # the web process does not listen yet; asked again soon
