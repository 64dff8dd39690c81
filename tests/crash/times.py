"""The clock that every process of a lane goes by, the lane's venue too; it only goes forward, also while they work."""

import datetime as dt
import mmap
import struct
import time
from types import SimpleNamespace
from typing import Any

from tests.crash import live
from vanta import clock

SECONDS = struct.Struct("q")


class LaneClock:
    """Made by a lane before it forks: the seconds that it is ahead lie in memory that all its children see."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, SECONDS.size)
        self._replace_what_the_clock_reads()

    @property
    def ahead_s(self) -> int:
        """How far it is ahead of the machine's."""
        told: int = SECONDS.unpack(self._shared[:])[0]
        return told

    def forward(self, seconds: int) -> None:
        """So much later from now on, for whoever is at work too."""
        if seconds:
            self._shared[:] = SECONDS.pack(self.ahead_s + seconds)
            live.set_venue_clock(self.ahead_s)

    def _replace_what_the_clock_reads(self) -> None:
        """Its functions themselves stay: columns have them as their default, and would go by the machine's for ever."""

        def now(tz: dt.tzinfo) -> dt.datetime:
            return dt.datetime.now(tz=tz) + dt.timedelta(seconds=self.ahead_s)

        def time_ns() -> int:
            return time.time_ns() + 1_000_000_000 * self.ahead_s

        replaced: Any = clock
        replaced.dt = SimpleNamespace(
            UTC=dt.UTC, datetime=SimpleNamespace(now=now, fromtimestamp=dt.datetime.fromtimestamp)
        )
        replaced.time = SimpleNamespace(time_ns=time_ns, monotonic=time.monotonic)
