"""Children of a lane: each is forked with nothing open, does one thing, and answers with JSON or with its death."""

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

LIMIT_S = 60


@dataclass(frozen=True, slots=True)
class Ended:
    """How a child ended: what it answered, the signal that ended it, or what it raised."""

    answer: Any = None
    signal: int = 0
    error: str = ""

    @property
    def was_killed(self) -> bool:
        return self.signal == signal.SIGKILL


class Child:
    """A child at its work."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self._status: int | None = None
        self._reading, writing = os.pipe()
        sys.stdout.flush()
        self.pid = os.fork()
        if not self.pid:
            os.close(self._reading)
            _work(work, writing)
        os.close(writing)

    def stops(self) -> bool:
        """Wait until it stops itself (SIGSTOP) or ends; whether it has stopped."""
        _, status = os.waitpid(self.pid, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            return True
        self._status = status
        return False

    def has_ended(self) -> bool:
        """Whether it has; waits for nothing."""
        if self._status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self._status = status if pid else None
        return self._status is not None

    def go_on(self) -> None:
        """After a stop."""
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """At once, whatever it does."""
        if not self.has_ended():
            os.kill(self.pid, signal.SIGKILL)

    def end(self) -> Ended:
        """Wait for its end."""
        with os.fdopen(self._reading) as pipe:
            text = pipe.read()
        if self._status is None:
            _, self._status = os.waitpid(self.pid, 0)
        if os.WIFSIGNALED(self._status):
            return Ended(signal=os.WTERMSIG(self._status))
        told = json.loads(text) if text else {"error": "no answer"}
        return Ended(answer=told.get("answer"), error=told.get("error", ""))


def run(work: Callable[[], Any]) -> Ended:
    """Run `work` in a child and wait for its end."""
    return Child(work).end()


def run_together(works: Sequence[Callable[[], Any]]) -> list[Ended]:
    """Run all at the same time, each in a child, and wait for all."""
    return [child.end() for child in [Child(work) for work in works]]


def _work(work: Callable[[], Any], writing: int) -> None:
    signal.alarm(LIMIT_S)
    code = 0
    try:
        told = {"answer": work()}
    except BaseException as error:  # whatever it is, the lane has to hear of it
        traceback.print_exc()
        told, code = {"error": f"{type(error).__name__}: {error}"}, 1
    with os.fdopen(writing, "w") as pipe:
        json.dump(told, pipe, default=str)
    os._exit(code)
