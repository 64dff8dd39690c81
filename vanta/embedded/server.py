"""One embedded server's life: start, readiness, stop, kill, restart, and what an earlier run left behind."""

import contextlib
import signal
import subprocess
import threading
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, TypedDict

import psutil

from vanta.embedded.host import POLL_S, Account, ServiceFailed, die_with_parent, free_port, running_after

READY_WITHIN_S = 30
STOP_WITHIN_S = 10
# The leftovers of a killed server (its port, PostgreSQL's shared memory) go within a second or two.
RETRY_PAUSE_S = 0.2


class Server(ABC):
    """A server process on a loopback port with its data in one directory.

    Used by one thread. A port once chosen is kept, so that URLs stay true over a restart.
    """

    name: ClassVar[str]
    preferred_port: ClassVar[int]
    stop_signal: ClassVar[signal.Signals]
    stop_within_s: ClassVar[float] = STOP_WITHIN_S
    port_taken: ClassVar[str] = "Address already in use"
    passing_faults: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *, directory: Path, log_path: Path, password: str, account: Account | None = None) -> None:
        self.directory, self.log_path, self.password, self.account = directory, log_path, password, account
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def prepare(self) -> None:
        """Make the data directory and the configuration; called before every launch."""

    @abstractmethod
    def argv(self) -> list[str]:
        """The command line."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether the server answers a client that has the password."""

    @abstractmethod
    def leftover(self) -> psutil.Process | None:
        """The server an earlier run left on our data directory, verified to be that and nothing else."""

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Stop what an earlier run left, launch, and wait until the server answers. Raises ServiceFailed."""
        self.reclaim()
        fixed = self.port != 0
        self.port = self.port or free_port(self.preferred_port)
        waiting, attempts = threading.Event(), int(STOP_WITHIN_S / RETRY_PAUSE_S)
        for _ in range(attempts):
            fault = self._launch()
            if fault is None:
                return
            if self.port_taken in fault and not fixed:
                self.port = free_port()
            elif not any(text in fault for text in (*self.passing_faults, self.port_taken)):
                break
            waiting.wait(RETRY_PAUSE_S)
        raise ServiceFailed(f"{self.name} does not start. The end of {self.log_path}:\n{fault}")

    def stop(self) -> None:
        """Shut down in order; a server that does not obey within `stop_within_s` is killed."""
        if self._process is not None:
            _end(psutil.Process(self._process.pid) if self.alive() else None, self.stop_signal, self.stop_within_s)
            self._process.wait()
            self._process = None

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def restart(self) -> None:
        """Start again after `kill`, or stop and start; port and data stay."""
        self.stop()
        self.start()

    def reclaim(self) -> None:
        """Stop the server that an earlier, killed run left on our data."""
        _end(self.leftover(), self.stop_signal, self.stop_within_s)

    def _launch(self) -> str | None:
        """Start the process and wait until it answers; None when it does, else the end of its log."""
        self.prepare()
        with self.log_path.open("ab") as log:
            begin = log.tell()
            self._process = subprocess.Popen(
                self.argv(),
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={"LC_ALL": "C", "PATH": "/usr/bin:/bin", "TZ": "UTC"},
                start_new_session=True,
                preexec_fn=die_with_parent(self.stop_signal),
                **run_as(self.account),
            )
        waiting = threading.Event()
        for _ in range(int(READY_WITHIN_S / POLL_S)):
            if self._process.poll() is not None:
                return self._log_since(begin)
            if self.is_ready():
                return None
            waiting.wait(POLL_S)
        self.kill()
        return f"no answer within {READY_WITHIN_S} s\n" + self._log_since(begin)

    def _log_since(self, position: int) -> str:
        with self.log_path.open("rb") as log:
            log.seek(position)
            return log.read().decode(errors="replace")[-2000:]


class RunAs(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


def run_as(account: Account | None) -> RunAs:
    """The arguments of `subprocess` that run a command as `account`."""
    return {} if account is None else {"user": account.uid, "group": account.gid, "extra_groups": []}


def process_at(pid_file: Path) -> psutil.Process | None:
    """The live process whose number is the first line of `pid_file`."""
    try:
        process = psutil.Process(int(pid_file.read_text().split("\n", 1)[0]))
    except (OSError, ValueError, psutil.NoSuchProcess):
        return None  # no file, an unfinished file, or a number nobody has any more: nothing was left
    return process if process.status() != psutil.STATUS_ZOMBIE else None


def _end(process: psutil.Process | None, stop_signal: signal.Signals, within_s: float) -> None:
    if process is None:
        return
    with contextlib.suppress(psutil.NoSuchProcess):  # it ended by itself
        process.send_signal(stop_signal)
        if running_after([process], within_s):
            process.kill()
            running_after([process], STOP_WITHIN_S)
