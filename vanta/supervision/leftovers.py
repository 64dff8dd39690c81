"""Processes that outlived a killed supervisor: found by a mark in their environment, and ended."""

import contextlib
import os
from pathlib import Path

import psutil

from vanta.embedded.host import running_after

# In every child's environment and inherited by whatever it starts; its value is the state directory.
MARKER = "VANTA_SUPERVISED_FROM"


def end_leftovers(state_dir: Path, *, within_s: float = 10) -> list[str]:
    """End the children of an earlier run on `state_dir` that was killed; the names of those found.

    Called with the state directory's lock held, so no run can be going: SIGTERM, and SIGKILL after `within_s`.
    """
    found = [process for process in psutil.process_iter() if _belongs_to(process, state_dir)]
    names = [process.name() for process in found if process.is_running()]
    for process in found:
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended by itself
            process.terminate()
    stubborn = running_after(found, within_s)
    for process in stubborn:
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended by itself
            process.kill()
    running_after(stubborn, within_s)
    return names


def _belongs_to(process: psutil.Process, state_dir: Path) -> bool:
    try:
        return process.pid != os.getpid() and bool(process.environ().get(MARKER) == str(state_dir))
    except (psutil.Error, OSError):
        return False  # ended meanwhile, or another user's: not ours
