"""What must be true after a storm: the venue's journal against what Vanta says of each order. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

FILLED = "FILLED"


@dataclass(frozen=True, slots=True)
class Told:
    """What Vanta says of one order; `nonce` is empty where no message was ever made."""

    order_id: int
    state: str
    nonce: str = ""


def wrongs(told: Sequence[Told], journal: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[str]:
    """A sentence for each thing that is not as it must be. `journal` is the venue's `effects` and `declined`."""
    effects = _of_intents(journal["effects"])
    return [
        *_used_twice(effects + _of_intents(journal["declined"])),
        *_not_as_told(told, effects),
        *_asked_by_nobody(told, effects),
    ]


def _of_intents(rows: Sequence[Mapping[str, Any]]) -> Counter[str]:
    return Counter(str(row["nonce"]) for row in rows if row["nonceKind"] == "intent")


def _used_twice(used: Counter[str]) -> Iterator[str]:
    yield from (f"nonce {nonce} is in the journal {times} times" for nonce, times in used.items() if times > 1)


def _not_as_told(told: Sequence[Told], effects: Counter[str]) -> Iterator[str]:
    for order in told:
        expected, found = int(order.state == FILLED), effects[order.nonce] if order.nonce else 0
        if found != expected:
            yield f"order {order.order_id} is {order.state} and has {found} effects"


def _asked_by_nobody(told: Sequence[Told], effects: Counter[str]) -> Iterator[str]:
    yield from (f"nonce {nonce} is no order's" for nonce in effects.keys() - {order.nonce for order in told})
