"""Every way in which the sandbox's venue breaks that an order's path can meet, as the control API takes them."""

from typing import Any

Fault = dict[str, Any]
POST = {"service": "batched-market", "match": "execute-batched"}
TRACKED = {"service": "batched-market", "match": "tracking-id"}


def _broken(where: Fault) -> list[Fault]:
    """A service that is down, talks nonsense, hangs up, or is cut off in the middle."""
    status = [{**where, "kind": "status", "status": code} for code in (409, 429, 500, 502, 503)]
    return [*status, *({**where, "kind": kind} for kind in ("garbage", "drop", "truncated", "rate_limit"))]


LATER: list[Fault] = [{**fault, "when": "after"} for fault in _broken(POST)]
ORDERS: list[Fault] = [
    *({"service": "batched-market", "kind": kind} for kind in ("lost_accept", "duplicate_events", "reorder_events")),
    *({"service": "batched-market", "kind": kind} for kind in ("stream_timeout", "forget_tracking", "attempt_failed")),
    {"service": "batched-market", "kind": "error_after_fill"},
    {"service": "batched-market", "kind": "canceled"},
    {"service": "batched-market", "kind": "delay_events", "seconds": 0.4},
    {"service": "batched-market", "kind": "relay_timeout", "seconds": 0.3},
    {"service": "batched-market", "kind": "slow_execution", "seconds": 0.4},
    {"service": "batched-market", "kind": "slow_execution", "offset_ms": -2500},
    {"service": "batched-market", "kind": "slow_execution", "offset_ms": 100},
    {**POST, "kind": "status", "status": 400},
    {**POST, "kind": "hang", "seconds": 0.8, "when": "after"},
    *_broken(POST),
    *LATER,
    *_broken(TRACKED),
]
RELAYS: list[Fault] = [
    *({"service": "blitz", "kind": kind} for kind in ("forget_tracking", "not_applied")),
    *({"service": "blitz", "kind": kind, "seconds": 0.4} for kind in ("relay_timeout", "slow_execution")),
    *_broken({"service": "blitz", "match": "/relays"}),
    *({**fault, "when": "after"} for fault in _broken({"service": "blitz", "match": "/relays"})),
]
NODE: list[Fault] = [
    {"service": "rpc", "kind": "frozen"},
    *({"service": "rpc", "kind": "lag", "seconds": seconds} for seconds in (15, 40)),
    *(fault for service in ("rpc", "tx-builder", "core", "history") for fault in _broken({"service": service})),
]
EVERY: list[Fault] = [*ORDERS, *RELAYS, *NODE]
