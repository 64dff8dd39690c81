"""How long the parts of a run took: by the clock, and in processor time of everything that the run started.

On a machine that others use as well, the processor time is what tells whether a part has become dearer.
"""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Part:
    """Seconds by the clock, and of processors: this process, its servers and all that they started."""

    name: str
    wall_s: float
    cpu_s: float


TAKEN: list[Part] = []


@contextlib.contextmanager
def part(name: str) -> Iterator[None]:
    """Time what is done inside, and keep it in TAKEN. Parts do not nest."""
    began, used = time.monotonic(), _cpu_s()
    yield
    TAKEN.append(Part(name, time.monotonic() - began, _cpu_s() - used))


def table() -> list[str]:
    """A line for each part in the order of the run, then the sum."""
    whole = Part("in all", sum(part.wall_s for part in TAKEN), sum(part.cpu_s for part in TAKEN))
    return [f"{part.name:36} {part.wall_s:10.1f} s {part.cpu_s:10.1f} s of processors" for part in [*TAKEN, whole]]


def _cpu_s() -> float:
    """Of the run's whole family; what has ended is counted by the one who waited for it."""
    root = psutil.Process(os.getppid())  # tests.bench, which holds PostgreSQL and Redis as well
    total = 0.0
    for process in [root, *root.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):  # it ended while we looked
            total += sum(process.cpu_times()[:4])
    return total
