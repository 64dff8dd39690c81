"""Faults that the control API injects into a service.

A fault lives until its `count` is used up or it is cleared. Kinds that act on a request: hang, status, garbage, drop,
rate_limit, truncated, tamper (`tamper.py`); on what a price service says: frozen, jump; on the feed's price streams,
open ones included: silent, close, truncated (`stream_faults.py`); on the chain: sequencer_down, lag; on the life of an
order at the venue: those of `VENUE_KINDS`. docs/sandbox.md explains each.
"""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from vanta.sandbox.market import MarketModel, Tick

REQUEST_KINDS = frozenset({"hang", "status", "garbage", "drop", "rate_limit", "truncated"})
VENUE_KINDS = (
    *("lost_accept", "delay_events", "duplicate_events", "reorder_events", "stream_timeout", "attempt_failed"),
    *("error_after_fill", "canceled"),
)
PRICE_KINDS = frozenset({"frozen", "jump"})
# Kinds that only some services know.
SERVICES_OF_KIND: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(PRICE_KINDS, ("feed", "coingecko", "rpc")),
    "silent": ("feed",),
    "close": ("feed",),
    "sequencer_down": ("rpc",),
    "lag": ("rpc",),
    **dict.fromkeys(VENUE_KINDS, ("batched-market",)),
    **dict.fromkeys(("relay_timeout", "slow_execution", "forget_tracking"), ("batched-market", "blitz")),
    "not_applied": ("blitz",),
    "tamper": ("tx-builder", "core", "batched-market", "blitz", "history", "rpc"),
}
# Where nothing is said: how late something is executed that was told to have failed.
_SECONDS_OF_KIND = {"relay_timeout": 1.0}
TAMPERED = ("answer", "message", "digest", "encodedIntent", "calldata")
KINDS = REQUEST_KINDS | SERVICES_OF_KIND.keys()
STREAM_PATH = "/v1/stream"
SERVICES = (
    "telegram",
    "data",
    "core",
    "risk",
    "batched-market",
    "blitz",
    "twap",
    "tx-builder",
    "feed",
    "history",
    "coingecko",
    "rpc",
)
_ids = itertools.count(1)


class BadFault(ValueError):
    """The fault's description makes no sense; the message says why."""


@dataclass(slots=True)
class Fault:
    """One injected fault.

    `match` is a part of the path that must occur (price faults act on every path); `symbols` narrows a price fault and
    silence to some markets; `added_at_s` is in Unix seconds. `code`, `reason` and `offset_ms` are of the venue's kinds;
    `what`, `changes` (`set` in JSON) and `event` of tamper.
    """

    id: int
    service: str
    kind: str
    seconds: float = 30
    status: int = 500
    retry_after: int = 3
    probability: float = 1
    count: int | None = None
    jump_pct: float = 5
    match: str = ""
    when: str = "before"
    symbols: tuple[str, ...] = ()
    code: str = "RELAY_TIMEOUT"
    reason: str = "HighSlippage"
    offset_ms: int | None = None
    what: str = "answer"
    event: str = ""
    changes: dict[str, Any] = field(default_factory=dict)
    captured: dict[str, Tick] = field(default_factory=dict)
    added_at_s: float = field(default_factory=time.time)
    hits: int = 0

    def describe(self) -> dict[str, Any]:
        names = ("id", "service", "kind", "seconds", "status", "retry_after", "probability", "count")
        own = ("jump_pct", "match", "when", "code", "reason", "offset_ms", "what", "event", "hits")
        told = {name: getattr(self, name) for name in (*names, *own)}
        return {**told, "symbols": list(self.symbols), "set": self.changes}


_NUMBERS: dict[str, tuple[type, float, float]] = {
    "seconds": (float, 0, 3600),
    "status": (int, 400, 599),
    "retry_after": (int, 0, 86400),
    "probability": (float, 0, 1),
    "count": (int, 1, 1_000_000),
    "jump_pct": (float, -99, 10_000),
    "offset_ms": (int, -3_600_000, 3_600_000),
}


def parse_fault(asked: Mapping[str, Any], market: MarketModel) -> Fault:
    """A fault from the control API's JSON; raises BadFault with a sentence about the first mistake."""
    service, kind = asked.get("service"), asked.get("kind")
    if service not in SERVICES:
        raise BadFault(f"service must be one of {', '.join(SERVICES)}")
    if kind not in KINDS:
        raise BadFault(f"kind must be one of {', '.join(sorted(KINDS))}")
    if service not in SERVICES_OF_KIND.get(kind, SERVICES):
        raise BadFault(f"service of {kind} must be one of {', '.join(SERVICES_OF_KIND[kind])}")
    fault = Fault(id=next(_ids), service=service, kind=kind, match=str(asked.get("match", "")))
    fault.seconds = _SECONDS_OF_KIND.get(kind, fault.seconds)
    for name, (cast, low, high) in _NUMBERS.items():
        if asked.get(name) is not None:
            setattr(fault, name, _number(name, asked[name], cast, low, high))
    fault.when = "after" if asked.get("when") == "after" else "before"
    fault.symbols = tuple(str(symbol).upper() for symbol in asked.get("symbols", ()))
    for name in ("code", "reason", "what", "event"):
        setattr(fault, name, str(asked.get(name, getattr(fault, name))))
    if fault.what not in TAMPERED:
        raise BadFault(f"what must be one of {', '.join(TAMPERED)}")
    changes = asked.get("set", {})
    if not isinstance(changes, dict):
        raise BadFault("set must be an object of paths and values")
    fault.changes = changes
    if kind == "frozen":
        fault.captured = {symbol: market.tick(symbol) for symbol in market.prices()}
    return fault


def _number(name: str, value: Any, cast: type, low: float, high: float) -> float:
    try:
        number: float = cast(value)
    except (TypeError, ValueError):
        raise BadFault(f"{name} must be a number") from None
    if not low <= number <= high:
        raise BadFault(f"{name} must be between {low:g} and {high:g}")
    return number


def _hits_request(fault: Fault, service: str, path: str) -> bool:
    acts_here = fault.kind in REQUEST_KINDS or (fault.kind == "tamper" and fault.what == "answer")
    if fault.service != service or not acts_here or fault.match not in path:
        return False
    # A stream that is open cuts its own frames, for as long as the fault lasts.
    return not (fault.kind == "truncated" and path.endswith(STREAM_PATH))


class FaultBox:
    """The faults now in force. `changes` counts every fault that came or went."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.changes = 0
        self._random = random.Random()

    def add(self, fault: Fault) -> None:
        self.faults.append(fault)
        self.changes += 1

    def clear(self, service: str | None = None) -> int:
        """Removes the faults of a service, or all; returns how many went."""
        kept = [fault for fault in self.faults if service is not None and fault.service != service]
        removed = len(self.faults) - len(kept)
        self.faults = kept
        self.changes += 1
        return removed

    def for_request(self, service: str, path: str) -> Fault | None:
        """The first fault that hits this request, with its count used; None is the common answer."""
        for fault in self.faults:
            if _hits_request(fault, service, path) and self.strikes(fault):
                return fault
        return None

    def of_kind(self, service: str, kind: str, path: str | None = None) -> list[Fault]:
        """The faults of one kind that bear on a service, or on one path of it, oldest first."""
        found = [fault for fault in self.faults if fault.service == service and fault.kind == kind]
        return found if path is None else [fault for fault in found if fault.match in path]

    def struck(self, service: str, kinds: Iterable[str], path: str) -> dict[str, Fault]:
        """The faults of these kinds that hit now, with their counts used; the oldest of each kind."""
        found: dict[str, Fault] = {}
        for kind in kinds:
            hit = next((fault for fault in self.of_kind(service, kind, path) if self.strikes(fault)), None)
            if hit is not None:
                found[kind] = hit
        return found

    def price(self, service: str, symbol: str, tick: Tick) -> Tick:
        """What a price service says of a market: `tick`, unless a price fault bends it."""
        for fault in self.faults:
            if fault.service != service or fault.kind not in PRICE_KINDS:
                continue
            if fault.symbols and symbol not in fault.symbols:
                continue
            fault.hits += 1
            if fault.kind == "frozen":
                tick = fault.captured.get(symbol, tick)
            else:
                tick = Tick(tick.price * (1 + fault.jump_pct / 100), tick.at_s)
        return tick

    def is_frozen(self, service: str) -> bool:
        return bool(self.of_kind(service, "frozen"))

    def strikes(self, fault: Fault) -> bool:
        """Whether the fault's chance comes up; counts the hit, and the last one that was asked for ends the fault."""
        if fault.probability < 1 and self._random.random() >= fault.probability:
            return False
        fault.hits += 1
        if fault.count is not None:
            fault.count -= 1
        if fault.count == 0:
            self.faults.remove(fault)
            self.changes += 1
        return True
