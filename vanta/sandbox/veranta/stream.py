"""The feed's price stream: frames that are encoded once for all who listen to the same feeds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from vanta.sandbox.catalogue import PairSpec
from vanta.sandbox.http import Json, frame
from vanta.sandbox.stream_faults import StreamFaults
from vanta.sandbox.world import World

HEARTBEAT_S = 15
HALF_SPREAD = 0.00004


@dataclass(frozen=True, slots=True)
class Update:
    """What is to be sent now: a frame for each timestamp that the prices have, oldest first; 0 and none without."""

    newest_ms: int
    frames: tuple[bytes, ...]


class Updates:
    """The present update of each set of feeds; made when somebody asks, and again after a price or a fault changed."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._made_of = (-1, -1)
        self._made: dict[tuple[int, ...], Update] = {}

    def of(self, specs: Sequence[PairSpec]) -> Update:
        present = (self._world.market.moves, self._world.faults.changes)
        if present != self._made_of:
            self._made_of = present
            self._made.clear()
        feeds = tuple(spec.lazer_id for spec in specs)
        if feeds not in self._made:
            self._made[feeds] = self._make(specs)
        return self._made[feeds]

    def _make(self, specs: Sequence[PairSpec]) -> Update:
        by_time: dict[int, list[Json]] = {}
        for spec in specs:
            tick = self._world.quote("feed", spec)
            by_time.setdefault(tick.at_ms, []).append(_entry(spec, tick.price))
        shaped = [{"timestampUs": str(at_ms * 1000), "priceFeeds": by_time[at_ms]} for at_ms in sorted(by_time)]
        return Update(max(by_time, default=0), tuple(frame("price_update", one) for one in shaped))


def _entry(spec: PairSpec, price: float) -> Json:
    scale, half = 10**-spec.exponent, price * HALF_SPREAD
    return {
        "priceFeedId": spec.lazer_id,
        "price": str(round(price * scale)),
        "exponent": spec.exponent,
        "bestBidPrice": str(round((price - half) * scale)),
        "bestAskPrice": str(round((price + half) * scale)),
    }


async def price_stream(world: World, updates: Updates, specs: Sequence[PairSpec], path: str) -> AsyncIterator[bytes]:
    """One client's stream: an update each period, and a comment where there was none for a while.

    An update without a newer price is left out, unless the feed is frozen: a frozen upstream repeats itself.
    """
    faults = StreamFaults(world.faults, path)
    sent_ms, quiet_since = 0, time.monotonic()
    while not (world.is_stopping or faults.is_over()):
        update = updates.of(faults.heard(specs))
        if update.newest_ms > sent_ms or (update.frames and world.faults.is_frozen("feed")):
            sent_ms, quiet_since = update.newest_ms, time.monotonic()
            yield faults.sent(update.frames)
        elif time.monotonic() - quiet_since > HEARTBEAT_S:
            quiet_since = time.monotonic()
            yield b": heartbeat\n\n"
        await asyncio.sleep(min(world.settings.stream_period_s, faults.left_s()))
