"""Every write and every network call of a process, in order; and the place where it kills itself.

What is on the tape: statements that write, commits of transactions that wrote, commands to Redis that change
something, and HTTP requests, whichever of our libraries makes them, but those to the sandbox's control API: nobody's
path leads there.
"""

import os
import re
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import httpx
import psycopg2.extensions
import redis
from redis.client import Pipeline

WRITES = re.compile(r"\s*(INSERT INTO|UPDATE|DELETE FROM)\s+(?:ONLY\s+)?\"?(\w+)", re.IGNORECASE)
READ_COMMANDS = frozenset(
    ("GET", "HGET", "HGETALL", "MGET", "PING", "INFO", "TIME", "EXISTS", "TTL", "PTTL", "LLEN", "SELECT", "CLIENT")
)
CONTROL = "/control/"
OURS = re.compile(r"/((?:trading|risk|feeds|vanta)/.+)")
Place = tuple[int, str]  # the number of a step, and "before" or "after"


class Tape:
    """Records steps while it runs; with a `place` the process sends itself a signal there: it is killed, or stops.

    Of each step: its label in `steps`; in `pending` whether it writes inside a transaction, so that it does not outlive
    a kill; in `code` where in our code it is.
    """

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.pending: list[bool] = []
        self.code: list[str] = []
        self._place: Place | None = None
        self._signal = signal.SIGKILL
        self._is_running = False
        self._lock = threading.Lock()

    def start(self, place: Place | None = None, sent: signal.Signals = signal.SIGKILL) -> None:
        self._place, self._signal, self._is_running = place, sent, True

    def stop(self) -> None:
        self._is_running = False

    def step(self, label: str, do: Callable[[], Any], *, is_pending: bool = False) -> Any:
        """Do it, as one step."""
        if not self._is_running:
            return do()
        number = self.begin(label, is_pending=is_pending)
        answer = do()
        self.end(number)
        return answer

    def begin(self, label: str, *, is_pending: bool = False) -> int:
        """Note a step that is about to be done."""
        with self._lock:
            number = len(self.steps)
            self.steps.append(label)
            self.pending.append(is_pending)
            self.code.append(_place_in_code())
        self._strike_at((number, "before"))
        return number

    def end(self, number: int) -> None:
        self._strike_at((number, "after"))

    @property
    def is_running(self) -> bool:
        return self._is_running

    def _strike_at(self, place: Place) -> None:
        if place == self._place:
            os.kill(os.getpid(), self._signal)


def _place_in_code() -> str:
    """The innermost line of ours; of a request that runs on a loop of its own, that of its coroutine or none."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        if found := OURS.search(frame.f_code.co_filename):
            return f"{found[1]}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


TAPE = Tape()


class Cursor(psycopg2.extensions.cursor):  # type: ignore[misc]
    """Puts statements that write on the tape."""

    def execute(self, query: Any, vars: Any = None) -> None:
        found = WRITES.match(query.decode(errors="replace") if isinstance(query, bytes) else str(query))
        if found is None:
            super().execute(query, vars)
            return
        label = f"{found[1].split()[0].upper()} {found[2]}"
        is_pending = not self.connection.autocommit
        TAPE.step(label, lambda: psycopg2.extensions.cursor.execute(self, query, vars), is_pending=is_pending)
        self.connection.has_written = True


class Connection(psycopg2.extensions.connection):  # type: ignore[misc]
    """Puts commits on the tape, of transactions that have written."""

    has_written = False

    def commit(self) -> None:
        if self.has_written:
            TAPE.step("COMMIT", super().commit)
            self.has_written = False
        else:
            super().commit()

    def rollback(self) -> None:
        self.has_written = False
        super().rollback()


def install(options: dict[str, Any]) -> None:
    """From now on this process, and what it forks, writes its tape. `options` are the database's."""
    options |= {"connection_factory": Connection, "cursor_factory": Cursor}
    _tape_redis()
    _tape_http()


def _tape_redis() -> None:
    execute_command: Callable[..., Any] = redis.Redis.execute_command
    execute: Callable[..., Any] = Pipeline.execute

    def command(self: redis.Redis, *args: Any, **options: Any) -> Any:
        name = str(args[0]).upper()
        if name in READ_COMMANDS:
            return execute_command(self, *args, **options)
        return TAPE.step(f"redis {name}", lambda: execute_command(self, *args, **options))

    def pipeline(self: Pipeline, raise_on_error: bool = True) -> Any:
        names = [str(args[0]).upper() for args, _ in self.command_stack]
        if all(name in READ_COMMANDS for name in names):
            return execute(self, raise_on_error)
        return TAPE.step(f"redis pipeline {' '.join(names)}"[:60], lambda: execute(self, raise_on_error))

    redis.Redis.execute_command = command  # type: ignore[method-assign]
    Pipeline.execute = pipeline  # type: ignore[method-assign]


def _tape_http() -> None:
    handle, handle_async = httpx.HTTPTransport.handle_request, httpx.AsyncHTTPTransport.handle_async_request

    def request(self: httpx.HTTPTransport, request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith(CONTROL):
            return handle(self, request)
        answer: httpx.Response = TAPE.step(_label(request), lambda: handle(self, request))
        return answer

    async def async_request(self: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        if not TAPE.is_running:
            return await handle_async(self, request)
        number = TAPE.begin(_label(request))
        answer = await handle_async(self, request)
        TAPE.end(number)
        return answer

    httpx.HTTPTransport.handle_request = request  # type: ignore[method-assign]
    httpx.AsyncHTTPTransport.handle_async_request = async_request  # type: ignore[method-assign]


def _label(request: httpx.Request) -> str:
    """The method and the path, without what differs from cell to cell: tokens, ids, addresses."""
    path = re.sub(r"/bot[^/]+/", "/bot/", request.url.path)
    path = re.sub(r"/(0x[0-9a-fA-F]+|global-[^/]+|relay-\d+|[0-9a-f-]{36}|\d+)(?=/|$)", "/…", path)
    return f"{request.method} {path}"
