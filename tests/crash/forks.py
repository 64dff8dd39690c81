"""Children of a lane: each is forked with nothing open, does one thing, and answers with JSON or with its death.

But one, which stays: it does what nobody is killed in, so that it need not connect to everything anew for every cell.
"""

import functools
import json
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
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


class Standing:
    """A child that stays, and does what it is asked by name, one thing after the other."""

    def __init__(self, works: Mapping[str, Callable[..., Any]]) -> None:
        ours, theirs = socket.socketpair()
        sys.stdout.flush()
        self._pid = os.fork()
        if not self._pid:
            ours.close()
            _serve(works, theirs)
        theirs.close()
        self._socket, self._file = ours, ours.makefile("rw")

    def ask(self, name: str, **told: Any) -> Ended:
        """What it answers, or raised. It may be asked again, unless it was ended by a signal."""
        self._file.write(json.dumps([name, told]) + "\n")
        self._file.flush()
        if line := self._file.readline():
            answer = json.loads(line)
            return Ended(answer=answer.get("answer"), error=answer.get("error", ""))
        _, status = os.waitpid(self._pid, 0)
        return Ended(signal=os.WTERMSIG(status))

    def end(self) -> None:
        """Let it end, and wait for it."""
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        self._file.close()
        self._socket.close()


def run(work: Callable[[], Any]) -> Ended:
    """Run `work` in a child and wait for its end."""
    return Child(work).end()


def run_together(works: Sequence[Callable[[], Any]]) -> list[Ended]:
    """Run all at the same time, each in a child, and wait for all."""
    return [child.end() for child in [Child(work) for work in works]]


def _work(work: Callable[[], Any], writing: int) -> None:
    told = _told(work)
    with os.fdopen(writing, "w") as pipe:
        json.dump(told, pipe, default=str)
    os._exit(1 if "error" in told else 0)


def _serve(works: Mapping[str, Callable[..., Any]], theirs: socket.socket) -> None:
    with theirs.makefile("rw") as file:
        for line in iter(file.readline, ""):
            name, told = json.loads(line)
            file.write(json.dumps(_told(functools.partial(works[name], **told)), default=str) + "\n")
            file.flush()
            signal.alarm(0)  # nobody limits how long it waits for the next
    os._exit(0)


def _told(work: Callable[[], Any]) -> dict[str, Any]:
    signal.alarm(LIMIT_S)
    try:
        return {"answer": work()}
    except BaseException as error:  # whatever it is, the lane has to hear of it
        traceback.print_exc()
        return {"error": f"{type(error).__name__}: {error}"}
