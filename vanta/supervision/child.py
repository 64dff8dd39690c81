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

from vanta.embedded.host import die_with_parent
from vanta.supervision.console import LineBuffer


@dataclass(frozen=True, slots=True)
class Program:
    """What to run. `argv[0]` is looked up beside our Python, so that no activated virtualenv is needed.

    Vanta works without what is `expendable`: that is given up when it fails too often in a row, nothing else is.
    """

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    directory: Path
    stop_signal: signal.Signals = signal.SIGTERM
    expendable: bool = False

    def command(self) -> list[str]:
        """The command line with its program resolved."""
        first, *rest = self.argv
        if first in {"python", "python3"}:
            return [sys.executable, *rest]
        beside = Path(sys.executable).parent / first
        return [str(beside) if beside.exists() else first, *rest]


def launch(program: Program, output: int | IO[bytes]) -> subprocess.Popen[bytes]:
    """Start `program` as leader of its own session, output and errors to `output`.

    When we are killed the kernel kills it too (Linux). Not SIGTERM: with the embedded servers going at the same time a
    Celery beat waits for Redis for ever. Pools notice within a second that their main process has gone and end.
    """
    return subprocess.Popen(
        program.command(),
        cwd=program.directory,
        env=dict(program.environment),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=die_with_parent(signal.SIGKILL),
    )


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL the child and all it started; pool processes survive a main process that died."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # the group has gone already
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class Child:
    """A supervised process: it may be started again and again, its output comes line by line."""

    def __init__(self, program: Program) -> None:
        self.program, self.name = program, program.name
        self.process: subprocess.Popen[bytes] | None = None
        self.output: int | None = None
        self._lines = LineBuffer()

    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Launch it. Raises OSError when there is no such program."""
        self.output, inherited = os.pipe()
        os.set_blocking(self.output, False)
        try:
            self.process = launch(self.program, inherited)
        except OSError:
            self.close_output()
            raise
        finally:
            os.close(inherited)

    def terminate(self) -> None:
        """Ask it to end in order; the main process passes that on to its own."""
        if self.process is not None:
            self.process.send_signal(self.program.stop_signal)

    def read(self) -> list[str] | None:
        """The lines written since the last call, or None at the end of the output."""
        try:
            data = os.read(self.output, 65536) if self.output is not None else b""
        except BlockingIOError:
            return []
        return self._lines.feed(data) if data else None

    def close_output(self) -> list[str]:
        """Stop reading; the last line, if it had no end."""
        if self.output is not None:
            os.close(self.output)
        self.output = None
        return self._lines.flush()

    def kill_rest(self) -> None:
        """SIGKILL the process and what it started: a pool outlives its main process."""
        if self.process is not None:
            kill_group(self.process)

    def ending(self) -> str:
        """How the process ended, in words."""
        code = self.process.returncode if self.process is not None else 0
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
