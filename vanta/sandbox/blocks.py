"""The clock of the pretended chain: a block every two seconds, and what a node that lags behind has seen of them.

It is the machine's clock plus an offset that the control API sets. Prices follow the machine's clock alone.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from vanta.sandbox.faults import FaultBox

GENESIS_S = 1_686_789_347
BLOCK_S = 2


@dataclass(frozen=True, slots=True)
class Block:
    """A block's number and its timestamp in seconds."""

    number: int
    timestamp_s: int


def block_at(at_s: float) -> Block:
    """The newest block at a time."""
    number = int(at_s - GENESIS_S) // BLOCK_S
    return Block(number, GENESIS_S + number * BLOCK_S)


class Blocks:
    """The chain's time. What happens now goes into the next block, so that it is never in one that was already seen."""

    def __init__(self, faults: FaultBox) -> None:
        self._faults = faults
        self._held: dict[int, float] = {}
        self.offset_s = 0.0

    def now_s(self) -> float:
        return time.time() + self.offset_s

    def now_ms(self) -> int:
        return int(self.now_s() * 1000)

    def next(self) -> Block:
        """The block that takes what is executed now."""
        newest = block_at(self.now_s())
        return Block(newest.number + 1, newest.timestamp_s + BLOCK_S)

    def seen_s(self) -> float:
        """The time up to which nodes have seen the chain; the faults `frozen` and `lag` of rpc hold it back."""
        frozen = [self._frozen_at_s(fault.id, fault.added_at_s) for fault in self._faults.of_kind("rpc", "frozen")]
        lag_s = max((fault.seconds for fault in self._faults.of_kind("rpc", "lag")), default=0.0)
        return min(self.now_s() - lag_s, *frozen) if frozen else self.now_s() - lag_s

    def seen(self) -> Block:
        return block_at(self.seen_s())

    def shift(self, offset_s: float) -> None:
        """Sets the offset; a frozen node stays at the block that it has seen."""
        for fault in self._faults.of_kind("rpc", "frozen"):
            self._held[fault.id] = self._frozen_at_s(fault.id, fault.added_at_s)
        self.offset_s = offset_s

    def _frozen_at_s(self, fault_id: int, added_at_s: float) -> float:
        return self._held.get(fault_id, added_at_s + self.offset_s)
