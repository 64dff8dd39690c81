"""The clock that every process of a lane goes by, the lane's venue too; it only goes forward, also while they work."""

import datetime as dt
import mmap
import struct

from tests.crash import live
from vanta import clock

SECONDS = struct.Struct("q")


class LaneClock:
    """Made by a lane before it forks: the seconds that it is ahead lie in memory that all its children see."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, SECONDS.size)
        now, now_ms = clock.now, clock.now_ms
        clock.now = lambda: now() + dt.timedelta(seconds=self.ahead_s)
        clock.now_ms = lambda: now_ms() + 1000 * self.ahead_s

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
