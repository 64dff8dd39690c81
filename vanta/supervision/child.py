"""One child process: an own process group, its output through a pipe, and no way to outlive us."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from vanta.embedded.host import die_with_parent

# In every child's environment, inherited by whatever it starts: how leftovers of a killed run are recognised.
MARKER = "VANTA_SUPERVISED_FROM"
LEFTOVERS_MAY_TAKE_S = 10


@dataclass(frozen=True, slots=True)
class Program:
    """What to run. `argv[0]` is looked up beside our Python, so that no activated virtualenv is needed."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    directory: Path

    def command(self) -> list[str]:
        """The command line with its program resolved."""
        first, *rest = self.argv
        if first in {"python", "python3"}:
            return [sys.executable, *rest]
        beside = Path(sys.executable).parent / first
        return [str(beside) if beside.exists() else first, *rest]


def launch(program: Program, output: int | IO[bytes]) -> subprocess.Popen[bytes]:
    """Start `program` as leader of its own session, output and errors to `output`.

    When we are killed the kernel sends it SIGTERM (Linux): a Celery main process then finishes its tasks and ends its
    pool, which SIGKILL would orphan.
    """
    return subprocess.Popen(
        program.command(),
        cwd=program.directory,
        env=dict(program.environment),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=die_with_parent(signal.SIGTERM),
    )


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL the child and all it started; pool processes survive a main process that died."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # the group has gone already
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def end_leftovers(state_dir: Path) -> list[str]:
    """End the children of an earlier run on `state_dir` that was killed; the names of those found.

    Called with the state directory's lock held, so no run can be going: SIGTERM, and SIGKILL after 10 s.
    """
    found = [process for process in psutil.process_iter() if _belongs_to(process, state_dir)]
    names = [process.name() for process in found if process.is_running()]
    for process in found:
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended by itself
            process.terminate()
    _, stubborn = psutil.wait_procs(found, timeout=LEFTOVERS_MAY_TAKE_S)
    for process in stubborn:
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended by itself
            process.kill()
    psutil.wait_procs(stubborn, timeout=LEFTOVERS_MAY_TAKE_S)
    return names


def _belongs_to(process: psutil.Process, state_dir: Path) -> bool:
    try:
        return process.pid != os.getpid() and bool(process.environ().get(MARKER) == str(state_dir))
    except (psutil.Error, OSError):
        return False  # ended meanwhile, or another user's: not ours
