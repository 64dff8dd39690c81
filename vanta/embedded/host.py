"""What the host gives: free ports, an unprivileged user where we are root, and death together with the parent."""

import contextlib
import ctypes
import hashlib
import logging
import os
import pwd
import secrets
import shutil
import signal
import socket
import stat
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

log = logging.getLogger(__name__)

PR_SET_PDEATHSIG = 1
POLL_S = 0.03
UNPRIVILEGED = ("nobody", "daemon")
# Where root's PostgreSQL lives when the checkout lies in a directory that only root may enter (/root, mktemp -d).
SHARED_HOME = Path("/var/lib/vanta")
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class ServiceFailed(RuntimeError):
    """An embedded server could not be started; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Account:
    """The user a server runs as."""

    name: str
    uid: int
    gid: int

    def can_enter(self, directory: Path) -> bool:
        """Whether the account may pass through `directory` and all its parents."""
        return all(self._may_pass(parent.stat()) for parent in (directory, *directory.parents))

    def _may_pass(self, status: os.stat_result) -> bool:
        if status.st_uid == self.uid:
            return bool(status.st_mode & stat.S_IXUSR)
        if status.st_gid == self.gid:
            return bool(status.st_mode & stat.S_IXGRP)
        return bool(status.st_mode & stat.S_IXOTH)


def unprivileged_account() -> Account | None:
    """The account PostgreSQL must run as when we are root (it refuses root); None for a normal user."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in UNPRIVILEGED:
        if name in known:
            return Account(name, known[name].pw_uid, known[name].pw_gid)
    raise ServiceFailed(f"PostgreSQL refuses to run as root and none of the users {', '.join(UNPRIVILEGED)} exists.")


def make_private(directory: Path) -> Path:
    """Create `directory` for us alone; as root others may pass through it (not list it), for PostgreSQL's sake."""
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o711 if os.geteuid() == 0 else 0o700)
    return directory


def postgres_home(state_dir: Path, account: Account | None) -> Path:
    """The directory that holds PostgreSQL's data: in `state_dir`, or for root under /var/lib where that is closed."""
    if account is None or account.can_enter(state_dir):
        return state_dir / "postgres"
    name = hashlib.sha256(str(state_dir).encode()).hexdigest()[:12]
    log.warning(
        "PostgreSQL runs as user %s, who may not enter %s: its data are in %s",
        account.name,
        state_dir,
        SHARED_HOME / name,
    )
    return make_private(make_private(SHARED_HOME) / name) / "postgres"


def reachable_binaries(install: Path, account: Account | None) -> Path:
    """`install` (bin/, lib/, share/ in a wheel's package), or for root a copy under /var/lib that `account` may enter.

    The programs find the shared libraries beside the package by a relative path, so the copy keeps the arrangement.
    """
    if account is None or account.can_enter(install / "bin"):
        return install
    package = install.parent
    stamp = (install / "bin" / "postgres").stat()
    copy = make_private(SHARED_HOME) / f"postgresql-{stamp.st_size}-{int(stamp.st_mtime)}"
    if not copy.exists():
        staging = Path(tempfile.mkdtemp(dir=SHARED_HOME))
        shutil.copytree(install, staging / package.name / install.name, symlinks=True)
        shutil.copytree(package.parent / f"{package.name}.libs", staging / f"{package.name}.libs", symlinks=True)
        _open_to_all(staging)
        with contextlib.suppress(OSError):  # another process has just put the same copy there
            staging.rename(copy)
        shutil.rmtree(staging, ignore_errors=True)
    return copy / package.name / install.name


def _open_to_all(directory: Path) -> None:
    for path in (directory, *directory.rglob("*")):
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if executable else 0o644)


def free_port(*preferred: int) -> int:
    """The first of `preferred` that nobody listens on at 127.0.0.1, else one the system picks."""
    for port in (*preferred, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            # As servers do: a connection still in TIME_WAIT does not make a port taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ServiceFailed("No free port at 127.0.0.1.")


def die_with_parent(death_signal: signal.Signals) -> Callable[[], None] | None:
    """A `preexec_fn` that has the kernel send `death_signal` when the parent dies, kill -9 included (Linux).

    The kernel watches the parent's *thread*, so from any thread but the main one nothing is arranged.
    """
    if _libc is None or threading.current_thread() is not threading.main_thread():
        return None
    prctl, parent = _libc.prctl, os.getpid()

    def arrange() -> None:
        prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return arrange


def write_private(path: Path, text: str) -> None:
    """Replace `path` atomically by a file that only we can read."""
    staging = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    staging.replace(path)


def running_after(processes: Sequence[psutil.Process], within_s: float) -> list[psutil.Process]:
    """Those that still run when all have had so long to end.

    One that has ended counts as ended before its parent asks how (psutil waits for that): an orphan's new parent may
    take seconds for it, and in a container that has no init nobody ever does.
    """
    waiting, deadline = threading.Event(), time.monotonic() + within_s
    while (running := [process for process in processes if _runs(process)]) and time.monotonic() < deadline:
        waiting.wait(POLL_S)
    return running


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
