"""The life of an accepted market order as events: streamed, replayed under its tracking id, and spoiled by faults."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from vanta.sandbox.blocks import Blocks
from vanta.sandbox.faults import Fault
from vanta.sandbox.http import Json, frame

KEEP_ALIVE_S = 15.0
POLL_S = 0.02
TERMINAL = frozenset({"MarketOrderExecuted", "PositionSizeIncreased", "MarketOrderCanceled", "Error"})


@dataclass(slots=True)
class Tracked:
    """One accepted request and what happened to it; `faults` are those that struck it, by kind."""

    tracking_id: str
    log: list[Json]
    blocks: Blocks
    faults: Mapping[str, Fault] = field(default_factory=dict)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, kind: str, payload: Json) -> None:
        self.log.append({"seq": len(self.log), "type": kind, "payload": payload, "at": self.blocks.now_ms()})
        self.changed.set()
        self.changed = asyncio.Event()

    def fail(self, code: str, message: str) -> None:
        self.tell("Error", {"code": code, "message": message})

    @property
    def is_over(self) -> bool:
        return bool(self.log) and self.log[-1]["type"] in TERMINAL

    def visible(self) -> list[Json]:
        """The events that may be told by now."""
        delayed = self.faults.get("delay_events")
        until_ms = self.blocks.now_ms() - (delayed.seconds * 1000 if delayed else 0)
        return [event for event in self.log if event["at"] <= until_ms]

    def replay(self, after: int) -> list[Json]:
        found = [event for event in self.visible() if event["seq"] > after]
        return [event for event in found for _ in range(self.times_told)]

    @property
    def times_told(self) -> int:
        return 2 if "duplicate_events" in self.faults else 1

    async def follow(self) -> AsyncIterator[bytes]:
        """The event stream of the one who posted the order."""
        if "lost_accept" in self.faults:
            return
        if "reorder_events" in self.faults:
            await self._end()
            for event in reversed(self.log):
                yield _framed(event)
            return
        told = 0
        while not (self.is_over and told == len(self.log)):
            for event in self.visible()[told:]:
                told += 1
                yield _framed(event) * self.times_told
                if "stream_timeout" in self.faults:
                    yield frame("Error", {"code": "STREAM_TIMEOUT", "message": "stream timed out"})
                    return
            if await self._is_quiet(told):
                yield b": hb\n\n"

    async def _end(self) -> None:
        while not (self.is_over and len(self.visible()) == len(self.log)):
            await asyncio.sleep(POLL_S)

    async def _is_quiet(self, told: int) -> bool:
        """Waits for what is to be told next; True where nothing came for a while."""
        if told < len(self.log):
            await asyncio.sleep(POLL_S)
            return False
        if self.is_over:
            return False
        try:
            await asyncio.wait_for(self.changed.wait(), KEEP_ALIVE_S)
        except TimeoutError:
            return True
        return False


def _framed(event: Json) -> bytes:
    return frame(event["type"], event["payload"], event["seq"])
