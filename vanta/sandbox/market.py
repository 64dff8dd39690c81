"""The market model: one seeded random walk moves every price together.

Each market follows a geometric random walk in steps of 100 ms; a common factor, weighted by the group's beta,
correlates them. A weak pull towards where a market began (half of a distance is gone in two hours) keeps a sandbox
that runs for days near the prices that the documentation's examples speak of. Times are Unix seconds.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from vanta.sandbox.catalogue import PairSpec
from vanta.sandbox.history import Candle, CandleBook

STEP_S = 0.1
SECONDS_PER_YEAR = 365.25 * 24 * 3600
MAX_CATCH_UP_STEPS = 600
HISTORY_S = 900
PULL_PER_STEP = math.log(2) * STEP_S / 7200


@dataclass(frozen=True, slots=True)
class Tick:
    """A price and the time that it is of."""

    price: float
    at_s: float

    @property
    def at_ms(self) -> int:
        return int(self.at_s * 1000)


@dataclass(slots=True)
class Walk:
    """One market's position on its walk; `past` holds one tick a second, newest last."""

    symbol: str
    log_price: float
    anchor: float
    common_sigma: float
    own_sigma: float
    book: CandleBook
    past: deque[Tick] = field(default_factory=lambda: deque(maxlen=HISTORY_S))

    @property
    def price(self) -> float:
        return math.exp(self.log_price)


class MarketModel:
    """All prices. `advance` moves the walk to a time; nothing else moves it except `set_price`.

    `moves` counts both, so that what was made of the prices is known to be stale.
    """

    def __init__(self, specs: Sequence[PairSpec], *, seed: int, now_s: float) -> None:
        self._random = random.Random(seed)
        self.as_of_s = now_s
        self.frozen = False
        self.moves = 0
        self.listeners: list[Callable[[float], None]] = []
        self._walks = {spec.symbol: _new_walk(spec, seed, now_s) for spec in specs}
        self._ordered = list(self._walks.values())

    def advance(self, now_s: float) -> None:
        """Moves every price to `now_s`; a gap of more than a minute is walked as one minute."""
        steps = min(int((now_s - self.as_of_s) / STEP_S), MAX_CATCH_UP_STEPS)
        if steps <= 0:
            return
        if not self.frozen:
            for _ in range(steps):
                self._step()
        second_changed = int(now_s) != int(self.as_of_s)
        self.as_of_s = now_s
        self.moves += 1
        self._record(now_s, second_changed)
        for listener in self.listeners:
            listener(now_s)

    def _step(self) -> None:
        gauss = self._random.gauss
        common = gauss(0, 1)
        for walk in self._ordered:
            pull = PULL_PER_STEP * (walk.anchor - walk.log_price)
            walk.log_price += pull + walk.common_sigma * common + walk.own_sigma * gauss(0, 1)

    def _record(self, now_s: float, second_changed: bool) -> None:
        for walk in self._ordered:
            price = math.exp(walk.log_price)
            walk.book.add(price, now_s)
            if second_changed:
                walk.past.append(Tick(price, now_s))

    def tick(self, symbol: str) -> Tick:
        """The present price of a base market (`price_symbol`)."""
        return Tick(self._walks[symbol].price, self.as_of_s)

    def tick_at(self, symbol: str, at_s: float) -> Tick:
        """The newest recorded tick not later than `at_s`; the oldest one where the record does not reach back."""
        past = self._walks[symbol].past
        for tick in reversed(past):
            if tick.at_s <= at_s:
                return tick
        first = past[0] if past else self.tick(symbol)
        return Tick(first.price, at_s)

    def prices(self) -> dict[str, float]:
        return {symbol: walk.price for symbol, walk in self._walks.items()}

    def candles(self, symbol: str, *, resolution_s: int, start_s: int, end_s: int) -> list[Candle]:
        return self._walks[symbol].book.candles(resolution_s=resolution_s, start_s=start_s, end_s=end_s)

    def set_price(self, symbol: str, price: float, now_s: float) -> None:
        """Puts a market at `price`; the walk goes on from there."""
        walk = self._walks[symbol]
        walk.log_price = walk.anchor = math.log(price)
        self.moves += 1
        walk.book.add(price, now_s)
        walk.past.append(Tick(price, now_s))
        for listener in self.listeners:
            listener(now_s)


def _new_walk(spec: PairSpec, seed: int, now_s: float) -> Walk:
    sigma = spec.yearly_volatility * math.sqrt(STEP_S / SECONDS_PER_YEAR)
    beta = spec.group_facts.beta
    sigma_per_sqrt_s = spec.yearly_volatility / math.sqrt(SECONDS_PER_YEAR)
    book = CandleBook(
        start_price=spec.start_price,
        start_s=now_s,
        sigma_per_sqrt_s=sigma_per_sqrt_s,
        seed=f"{seed}:{spec.symbol}",
    )
    walk = Walk(
        symbol=spec.symbol,
        log_price=math.log(spec.start_price),
        anchor=math.log(spec.start_price),
        common_sigma=sigma * beta,
        own_sigma=sigma * math.sqrt(1 - beta * beta),
        book=book,
    )
    walk.past.append(Tick(spec.start_price, now_s))
    return walk
