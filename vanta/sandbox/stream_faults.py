"""What the faults in force do to one open price stream: make it silent, close it, or tear its frames.

They are looked up at every frame, so that a fault acts on a stream that is open already. A hit is a frame that was
withheld or torn, or a stream that was closed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence

from vanta.sandbox.catalogue import PairSpec
from vanta.sandbox.faults import Fault, FaultBox
from vanta.sandbox.http import torn


class StreamFaults:
    """The faults as they bear on one stream of the feed, which opens now."""

    def __init__(self, faults: FaultBox, path: str) -> None:
        self._faults = faults
        self._path = path
        self._opened_at_s = time.time()
        self._spared_by: set[int] = set()

    def left_s(self) -> float:
        """How long the stream has to live; infinite unless a fault closes it."""
        return min(map(self._due_at_s, self._closing()), default=math.inf) - time.time()

    def is_over(self) -> bool:
        """Whether a fault closes the stream now."""
        for fault in self._closing():
            if self._due_at_s(fault) > time.time():
                continue
            if self._faults.strikes(fault):
                return True
            self._spared_by.add(fault.id)
        return False

    def heard(self, specs: Sequence[PairSpec]) -> Sequence[PairSpec]:
        """The markets that no fault silences."""
        for fault in self._of_kind("silent"):
            others = [spec for spec in specs if fault.symbols and spec.price_symbol not in fault.symbols]
            if len(others) < len(specs) and self._faults.strikes(fault):
                specs = others
        return specs

    def sent(self, frames: Iterable[bytes]) -> bytes:
        """The frames as the client gets them."""
        return b"".join(torn(frame) if self._is_torn() else frame for frame in frames)

    def _is_torn(self) -> bool:
        return any(self._faults.strikes(fault) for fault in self._of_kind("truncated"))

    def _closing(self) -> list[Fault]:
        return [fault for fault in self._of_kind("close") if fault.id not in self._spared_by]

    def _due_at_s(self, fault: Fault) -> float:
        return max(self._opened_at_s, fault.added_at_s) + fault.seconds

    def _of_kind(self, kind: str) -> list[Fault]:
        return self._faults.of_kind("feed", kind, self._path)
