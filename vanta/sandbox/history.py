"""Candles of one market: the live ones from its ticks, older ones walked backwards from the first price.

The past is made as far back as somebody asks, from the market's own seed, in three layers (minutes, hours, days), so
that a chart of any width is cheap and always ends where the live walk began.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86400
_LAYERS = ((MINUTE_S, 2880), (HOUR_S, 1440), (DAY_S, 1000))
_INNER_STEPS = 4
_KEPT_LIVE = 7 * 24 * 60


@dataclass(slots=True)
class Candle:
    """Open, high, low, close and a made-up volume from `start_s` on."""

    start_s: int
    open: float
    high: float
    low: float
    close: float
    volume: float = 0

    def add(self, price: float) -> None:
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        self.close = price
        self.volume += 1

    def merge(self, later: Candle) -> None:
        self.high = max(self.high, later.high)
        self.low = min(self.low, later.low)
        self.close = later.close
        self.volume += later.volume


class CandleBook:
    """One market's candles: the live minutes oldest first, the past newest first and as far as it was asked for."""

    def __init__(self, *, start_price: float, start_s: float, sigma_per_sqrt_s: float, seed: str) -> None:
        self._start_price = start_price
        self._start_s = int(start_s) - int(start_s) % MINUTE_S
        self._sigma = sigma_per_sqrt_s
        self._seed = seed
        self._past: list[Candle] = []
        self._older = self._walk_back()
        self._live: list[Candle] = []
        self.add(start_price, start_s)

    def add(self, price: float, now_s: float) -> None:
        """Takes one tick into the minute that it belongs to."""
        minute = int(now_s) - int(now_s) % MINUTE_S
        if self._live and self._live[-1].start_s == minute:
            self._live[-1].add(price)
            return
        opened = self._live[-1].close if self._live else price
        candle = Candle(minute, opened, opened, opened, opened)
        candle.add(price)
        self._live.append(candle)
        if len(self._live) > 2 * _KEPT_LIVE:
            del self._live[:-_KEPT_LIVE]

    def candles(self, *, resolution_s: int, start_s: int, end_s: int) -> list[Candle]:
        """Candles that begin in [start_s, end_s], aligned to the resolution; none where the past is coarser than it."""
        first = max(start_s, self._oldest_s(resolution_s))
        first += -first % resolution_s
        return _merged(self._between(first, end_s - end_s % resolution_s + resolution_s), resolution_s)

    def _between(self, start_s: int, until_s: int) -> Iterable[Candle]:
        while not self._past or self._past[-1].start_s > start_s:
            older = next(self._older, None)
            if older is None:
                break
            self._past.append(older)
        newest = bisect_right(self._past, -until_s, key=lambda candle: -candle.start_s)
        oldest = bisect_right(self._past, -start_s, key=lambda candle: -candle.start_s)
        first, last = (bisect_left(self._live, at_s, key=lambda candle: candle.start_s) for at_s in (start_s, until_s))
        return chain(reversed(self._past[newest:oldest]), self._live[first:last])

    def _oldest_s(self, resolution_s: int) -> int:
        """Where the past begins that is at least as fine as a resolution."""
        oldest_s = self._start_s
        for width_s, count in _LAYERS:
            if width_s <= resolution_s:
                oldest_s = _layer_begins_s(oldest_s, width_s, count)
        return oldest_s

    def _walk_back(self) -> Iterator[Candle]:
        source = random.Random(self._seed)
        start_s, price = self._start_s, self._start_price
        for width_s, count in _LAYERS:
            oldest_s = _layer_begins_s(start_s, width_s, count)
            while start_s > oldest_s:
                # The first candle of a layer may be shorter, so that the layers meet without a gap.
                width = start_s % width_s or width_s
                start_s -= width
                candle = self._candle_before(source, price, start_s, width)
                yield candle
                price = candle.open

    def _candle_before(self, source: random.Random, close: float, start_s: int, width_s: int) -> Candle:
        sigma = self._sigma * math.sqrt(width_s / _INNER_STEPS)
        points = [close]
        for _ in range(_INNER_STEPS):
            points.append(points[-1] * math.exp(source.gauss(0, sigma)))
        volume = 40 + 60 * source.random() * width_s / MINUTE_S
        return Candle(start_s, points[-1], max(points), min(points), close, volume)


def _layer_begins_s(ends_s: int, width_s: int, count: int) -> int:
    return ends_s - ends_s % width_s - width_s * count


def _merged(fine: Iterable[Candle], resolution_s: int) -> list[Candle]:
    merged: list[Candle] = []
    for candle in fine:
        bucket = candle.start_s - candle.start_s % resolution_s
        if merged and merged[-1].start_s == bucket:
            merged[-1].merge(candle)
        else:
            merged.append(Candle(bucket, candle.open, candle.high, candle.low, candle.close, candle.volume))
    return merged
