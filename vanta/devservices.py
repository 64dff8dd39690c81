"""Embedded PostgreSQL and Redis for development and tests: no root, no Docker, one directory. Needs no Django.

    with DevServices(Path(".vanta")) as services:
        services.environment()  # DATABASE_URL, REDIS_URL, CELERY_BROKER_URL
        services.postgres.kill(); services.postgres.restart()

Data are kept in the directory across runs. One process at a time holds it (a lock file); what a killed run left is
found by pid file, verified to work on our data, and stopped before the start. On Linux both servers shut down when
the process that started them dies.
"""

import fcntl
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import psutil

from vanta.embedded.host import ServiceFailed, make_private, write_private
from vanta.embedded.postgres import Postgres
from vanta.embedded.redis_server import BROKER_DATABASE, RedisServer

__all__ = ["DevServices", "ServiceFailed", "StateDirectoryHeld", "write_environment"]

TEMPORARY_PREFIX = "vanta-tests-"


class StateDirectoryHeld(ServiceFailed):
    """Another process holds the state directory; `pid` says which, where it is known."""

    def __init__(self, state_dir: Path, pid: int | None) -> None:
        self.pid = pid
        holder = f"process {pid} ({_command_of(pid)})" if pid else "another process"
        super().__init__(
            f"The data in {state_dir} are held by {holder}: Vanta is already running here.\n"
            "Use that one, stop it (Ctrl-C, or kill that process), or set VANTA_STATE_DIR to another directory."
        )


class DevServices:
    """Both servers on one state directory. `durable=False` trades safety against power loss for speed, in tests."""

    def __init__(self, state_dir: Path, *, durable: bool = True, postgres: bool = True, redis: bool = True) -> None:
        self.state_dir, self.durable = state_dir.resolve(), durable
        self._wanted = (postgres, redis)
        self._lock: IO[str] | None = None
        self._postgres: Postgres | None = None
        self._redis: RedisServer | None = None

    @property
    def postgres(self) -> Postgres:
        if self._postgres is None:
            raise ServiceFailed("The embedded PostgreSQL has not been started.")
        return self._postgres

    @property
    def redis(self) -> RedisServer:
        if self._redis is None:
            raise ServiceFailed("The embedded Redis has not been started.")
        return self._redis

    @property
    def servers(self) -> list[Postgres | RedisServer]:
        """The servers that are ours to run."""
        return [server for server in (self._postgres, self._redis) if server is not None]

    def start(self) -> Self:
        """Take the lock and start what is wanted. Raises StateDirectoryHeld or ServiceFailed, and leaves nothing."""
        make_private(self.state_dir)
        self._take_lock()
        try:
            self._start_servers()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop both servers and give the lock back; harmless when nothing runs."""
        try:
            for server in self.servers:
                server.stop()
        finally:
            if self._lock is not None:
                self._lock.truncate(0)
                self._lock.close()
                self._lock = None

    def environment(self, *, broker: int = BROKER_DATABASE) -> dict[str, str]:
        """The URLs of what runs. Redis databases: `broker` for Celery, the next one for the application."""
        urls: dict[str, str] = {}
        if self._postgres is not None:
            urls["DATABASE_URL"] = self._postgres.url
        if self._redis is not None:
            urls["CELERY_BROKER_URL"] = self._redis.url(broker)
            urls["REDIS_URL"] = self._redis.url(broker + 1)
        return urls

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.stop()

    @classmethod
    def temporary(cls, *, durable: bool = False) -> Self:
        """Services on a new directory of their own, for tests; `remove()` ends them and deletes it.

        The directory's name holds our process id: what test runs that were killed left is found by it and removed.
        """
        for old in Path(tempfile.gettempdir()).glob(TEMPORARY_PREFIX + "*-*"):
            owner = old.name.removeprefix(TEMPORARY_PREFIX).partition("-")[0]
            if owner.isdigit() and not psutil.pid_exists(int(owner)):
                _remove_abandoned(old)
        return cls(Path(tempfile.mkdtemp(prefix=f"{TEMPORARY_PREFIX}{os.getpid()}-")), durable=durable)

    def remove(self) -> None:
        """Stop, and delete all data."""
        self.stop()
        if self._postgres is not None:
            self._postgres.remove()
        shutil.rmtree(self.state_dir, ignore_errors=True)

    def _start_servers(self) -> None:
        is_new = not (self.state_dir / "passwords.json").exists()
        words = self._passwords()
        want_postgres, want_redis = self._wanted
        if want_postgres:
            self._postgres = Postgres(
                state_dir=self.state_dir,
                password=words["vanta"],
                superuser_password=words["postgres"],
                durable=self.durable,
            )
            if is_new and not self._postgres.directory.is_relative_to(self.state_dir):
                self._postgres.reclaim()
                self._postgres.remove()  # of a state directory that `make clean` has deleted since
        if want_redis:
            self._redis = RedisServer(state_dir=self.state_dir, password=words["redis"], durable=self.durable)
        for server in self.servers:
            server.start()

    def _passwords(self) -> dict[str, str]:
        path = self.state_dir / "passwords.json"
        if not path.exists():
            words = {name: secrets.token_hex(16) for name in ("postgres", "vanta", "redis")}
            write_private(path, json.dumps(words))
        loaded: dict[str, str] = json.loads(path.read_text())
        return loaded

    def _take_lock(self) -> None:
        lock = (self.state_dir / "lock").open("a+", encoding="utf-8")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip()
            lock.close()
            raise StateDirectoryHeld(self.state_dir, int(holder) if holder.isdigit() else None) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock


def write_environment(path: Path, values: Mapping[str, str]) -> None:
    """Write `values` as a dotenv file that only we can read."""
    write_private(path, "".join(f"{name}={value}\n" for name, value in values.items()))


def _remove_abandoned(state_dir: Path) -> None:
    abandoned = DevServices(state_dir)
    try:
        abandoned._take_lock()
    except (StateDirectoryHeld, OSError):
        return  # another test run is removing it, or it is another user's
    if (state_dir / "passwords.json").exists():
        postgres = Postgres(state_dir=state_dir, password="", superuser_password="")
        postgres.reclaim()
        postgres.remove()
        RedisServer(state_dir=state_dir, password="").reclaim()
    abandoned.stop()
    shutil.rmtree(state_dir, ignore_errors=True)


def _command_of(pid: int) -> str:
    try:
        return " ".join(psutil.Process(pid).cmdline())[:120]
    except psutil.Error:
        return "ended or not ours to see"
