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


def run(work: Callable[[], Any]) -> Ended:
    """Run `work` in a child and wait for its end."""
    return run_together([work])[0]


def run_together(works: Sequence[Callable[[], Any]]) -> list[Ended]:
    """Run all at the same time, each in a child, and wait for all."""
    return [_wait(*child) for child in [_start(work) for work in works]]


def _start(work: Callable[[], Any]) -> tuple[int, int]:
    reading, writing = os.pipe()
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        os.close(writing)
        return pid, reading
    os.close(reading)
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


def _wait(pid: int, reading: int) -> Ended:
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return Ended(signal=os.WTERMSIG(status))
    told = json.loads(text) if text else {"error": "no answer"}
    return Ended(answer=told.get("answer"), error=told.get("error", ""))
