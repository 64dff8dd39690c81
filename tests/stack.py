"""Vanta's real processes against a test's committed database: gunicorn, Celery workers, dispatcher, beat, sandbox.

    @pytest.mark.django_db(transaction=True)
    def test_…(tmp_path):
        with Stack("sandbox", "web", "worker-trading", "dispatcher", log_dir=tmp_path) as stack:
            httpx.post(stack.url + "/telegram/webhook/", …)
            stack.kill("worker-trading"); stack.start("worker-trading")

The names are the Procfile's. Everything is ended when the `with` block is left, whatever happened in it.
"""

import os
import secrets
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import psycopg2
import redis
from celery import Celery
from django.db import connection
from django.test import override_settings
from kombu.exceptions import OperationalError

from feeds.services import refresh_markets
from feeds.sources import close_sources
from risk import environment_limits
from tests.waiting import wait_until
from vanta.embedded.host import free_port
from vanta.supervision.child import Program, kill_group, launch
from vanta.supervision.environment import new_key_encryption_key, of_process, sandbox_urls, web_addresses
from vanta.supervision.procfile import read_procfile, split_assignments

CHECKOUT = Path(__file__).resolve().parent.parent
READY_WITHIN_S = 60
STOP_WITHIN_S = 25


class Stack:
    """The named processes. `environment` overrides what they get, e.g. the URLs of a Redis of the test's own."""

    def __init__(
        self,
        *names: str,
        log_dir: Path,
        environment: Mapping[str, str] | None = None,
        sandbox_options: Sequence[str] = (),
    ) -> None:
        self.names, self.log_dir, self.sandbox_options = names, log_dir, sandbox_options
        self.id = secrets.token_hex(4)
        self.port, self.sandbox_port = free_port(), free_port()
        self.environment = {**os.environ, **self._defaults(), **(environment or {})}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def sandbox_url(self) -> str:
        return f"http://127.0.0.1:{self.sandbox_port}"

    def __enter__(self) -> Self:
        try:
            for name in self.names:
                self.launch(name)
            for name in self.names:
                self.wait_ready(name)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()

    def start(self, name: str) -> None:
        """Start a process that was killed or stopped, and wait until it is ready."""
        self.launch(name)
        self.wait_ready(name)

    def launch(self, name: str) -> None:
        """Start a process without waiting until it is ready."""
        assigned, argv = split_assignments(self._argv(name))
        environment = of_process(self.environment, assigned)
        program = Program(name=name, argv=argv, environment=environment, directory=CHECKOUT)
        with self._log_path(name).open("ab") as log:
            self._processes[name] = launch(program, log)

    def revive(self) -> list[str]:
        """Start again what has ended by itself, as a supervisor does, without waiting for it; the names of those."""
        ended = [name for name, process in self._processes.items() if process.poll() is not None]
        for name in ended:
            kill_group(self._processes[name])
            self.launch(name)
        return ended

    def kill(self, name: str) -> None:
        """SIGKILL the process and all that it started, as the kernel does when memory is out."""
        kill_group(self._processes.pop(name))

    def terminate(self, name: str) -> int:
        """SIGTERM, wait until it has ended in order, and return its exit code."""
        process = self._processes.pop(name)
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(STOP_WITHIN_S)
        finally:
            kill_group(process)

    def pid(self, name: str) -> int:
        """The process's number."""
        return self._processes[name].pid

    def alive(self, name: str) -> bool:
        """Whether the process runs."""
        return name in self._processes and self._processes[name].poll() is None

    def log(self, name: str) -> str:
        """What the process has written so far."""
        return self._log_path(name).read_text(errors="replace")

    def close(self) -> None:
        """End everything: SIGTERM to all, then SIGKILL to what is left."""
        if "flower" in self._processes:
            self.kill("flower")  # it has nothing to finish and would wait for workers that have gone
        running, self._processes = list(self._processes.values()), {}
        for process in running:
            process.terminate()
        for process in running:
            try:
                process.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                continue  # kill_group below ends it
        for process in running:
            kill_group(process)

    def wait_ready(self, name: str) -> None:
        """Wait until the process does its work. Raises AssertionError with the end of its log."""
        check = self._readiness(name)
        try:
            wait_until(lambda: not self.alive(name) or check(), READY_WITHIN_S, f"{name} is ready")
            assert self.alive(name), f"{name} ended with {self._processes[name].returncode}"
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log(name)[-3000:]}") from None

    def _argv(self, name: str) -> list[str]:
        if name == "sandbox":
            return ["python", "-m", "vanta.sandbox", "--port", str(self.sandbox_port), *self.sandbox_options]
        argv = read_procfile((CHECKOUT / "Procfile").read_text(), self.environment)[name]
        # The last -n wins: several stacks may share a broker.
        return [*argv, "-n", self._node(name)] if name.startswith("worker") else argv

    def _node(self, name: str) -> str:
        return f"{name}@{self.id}"

    def _log_path(self, name: str) -> Path:
        return self.log_dir / f"{name}.log"

    def _readiness(self, name: str) -> Callable[[], bool]:
        if name.startswith("worker"):
            return lambda: self._worker_answers(name)
        if name == "web":
            return lambda: _answers(self.url + "/healthz")
        if name == "dispatcher":
            return self._dispatcher_leads
        if name == "sandbox":
            return lambda: _listens(self.sandbox_port)
        if name == "flower":
            return lambda: _listens(int(self.environment["FLOWER_PORT"]))
        return lambda: bool(self.log(name))

    def _worker_answers(self, name: str) -> bool:
        with Celery(set_as_current=False) as app:
            # Celery prefers CELERY_BROKER_URL of its own process's environment to the app's `broker`, but not to this.
            app.conf.broker_write_url = self.environment["CELERY_BROKER_URL"]
            try:
                return bool(app.control.ping(destination=[self._node(name)], timeout=0.3))
            except (redis.RedisError, OperationalError):
                return False  # a pooled connection to a server that was restarted; the caller asks again

    def _dispatcher_leads(self) -> bool:
        """One dispatcher leads by an advisory lock in its database."""
        with psycopg2.connect(self.environment["DATABASE_URL"]) as database, database.cursor() as cursor:
            cursor.execute(
                "SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database "
                "WHERE locktype = 'advisory' AND datname = current_database()"
            )
            return cursor.fetchone() is not None

    def _defaults(self) -> dict[str, str]:
        database = connection.settings_dict
        address = f"{database['USER']}:{database['PASSWORD']}@{database['HOST']}:{database['PORT']}"
        return {
            "DATABASE_URL": f"postgres://{address}/{database['NAME']}",
            "LOG_JSON": "true",
            "PYTHONUNBUFFERED": "1",
            "KEY_ENCRYPTION_KEYS": new_key_encryption_key("test"),
            # The test's own: a process whose limits are looser than another's opens nothing.
            **{name.upper(): value for name, value in environment_limits.stated().items()},
            **sandbox_urls(self.sandbox_url),
            **web_addresses(self.port, free_port()),
        }


def list_markets(stack: Stack) -> None:
    """The sandbox's markets in the catalogue now; beat would bring them within half a minute."""
    with override_settings(**sandbox_urls(stack.sandbox_url)):
        close_sources()
        refresh_markets()
        close_sources()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=1, trust_env=False).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False  # not listening yet; the caller asks again
