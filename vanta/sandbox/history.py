"""Candles of one market: the live ones from its ticks, older ones walked backwards from the first price.

The past is made on the first question, from the market's own seed, in three layers (minutes, hours, days) so that a
chart of any width is cheap and always ends where the live walk began.
"""

from __future__ import annotations

import math
import random
from collections import deque
from dataclasses import dataclass

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86400
_LAYERS = ((MINUTE_S, 2880), (HOUR_S, 1440), (DAY_S, 1000))
_INNER_STEPS = 4


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
    """One market's candles, oldest first."""

    def __init__(self, *, start_price: float, start_s: float, sigma_per_sqrt_s: float, seed: str) -> None:
        self._start_price = start_price
        self._start_s = int(start_s) - int(start_s) % MINUTE_S
        self._sigma = sigma_per_sqrt_s
        self._seed = seed
        self._past: list[Candle] | None = None
        self._live: deque[Candle] = deque(maxlen=7 * 24 * 60)
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

    def candles(self, *, resolution_s: int, start_s: int, end_s: int) -> list[Candle]:
        """Candles that begin in [start_s, end_s], aligned to the resolution."""
        if self._past is None:
            self._past = self._make_past()
        merged: list[Candle] = []
        first = start_s - start_s % resolution_s
        for fine in (*self._past, *self._live):
            bucket = fine.start_s - fine.start_s % resolution_s
            if not first <= bucket <= end_s:
                continue
            if merged and merged[-1].start_s == bucket:
                merged[-1].merge(fine)
            else:
                merged.append(Candle(bucket, fine.open, fine.high, fine.low, fine.close, fine.volume))
        return [candle for candle in merged if candle.start_s >= start_s]

    def _make_past(self) -> list[Candle]:
        source = random.Random(self._seed)
        newest_first: list[Candle] = []
        boundary, price = self._start_s, self._start_price
        for width_s, count in _LAYERS:
            aligned = boundary - boundary % width_s
            oldest = aligned - width_s * count
            start = boundary
            while start > oldest:
                # The first candle of a layer may be shorter, so that the layers meet without a gap.
                width = start - aligned if start > aligned else width_s
                start -= width
                candle = self._walk_back(source, price, start, width)
                newest_first.append(candle)
                price = candle.open
            boundary = oldest
        newest_first.reverse()
        return newest_first

    def _walk_back(self, source: random.Random, close: float, start_s: int, width_s: int) -> Candle:
        sigma = self._sigma * math.sqrt(width_s / _INNER_STEPS)
        points = [close]
        for _ in range(_INNER_STEPS):
            points.append(points[-1] * math.exp(source.gauss(0, sigma)))
        volume = 40 + 60 * source.random() * width_s / MINUTE_S
        return Candle(start_s, points[-1], max(points), min(points), close, volume)
