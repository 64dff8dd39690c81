"""The router's calls that a delegate sends for its trader: to bytes, and back from bytes to names. Pure.

Nobody here has seen the real router's ABI of these calls (unverified): `CALLS` is the one place that says it. A name or
an argument that is not the contract's gives another selector, and the call reverts without an effect.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak

DELEGATED = "delegatedAction"
UPDATE_MARGIN = "updateMargin"
SELECTOR_BYTES = 4
CALLS: dict[str, tuple[tuple[str, str], ...]] = {
    DELEGATED: (("trader", "address"), ("call", "bytes")),
    UPDATE_MARGIN: (
        *(("pairIndex", "uint256"), ("index", "uint256")),
        *(("action", "uint8"), ("amount", "uint256"), ("priceUpdateData", "bytes")),
    ),
}


@dataclass(frozen=True, slots=True)
class Call:
    """What the router is asked to do for a trader, in the wire's units: USDC 1e6, prices 1e10."""

    name: str
    arguments: Mapping[str, Any]


def selector(name: str) -> bytes:
    """The first bytes of a call's data."""
    return keccak(text=f"{name}({','.join(kind for _, kind in CALLS[name])})")[:SELECTOR_BYTES]


def encoded(call: Call) -> bytes:
    """A call's data."""
    kinds = [kind for _, kind in CALLS[call.name]]
    return selector(call.name) + encode(kinds, [call.arguments[name] for name, _ in CALLS[call.name]])


def delegated(trader: str, call: Call) -> bytes:
    """The data with which the trader's delegate sends it."""
    return encoded(Call(DELEGATED, {"trader": trader, "call": encoded(call)}))


def decoded(data: bytes) -> Call:
    """The call that these bytes are, and nothing besides. Raises ValueError."""
    names = {selector(name): name for name in CALLS}
    name = names.get(data[:SELECTOR_BYTES])
    if name is None:
        raise ValueError("unknown call")
    try:
        values = decode([kind for _, kind in CALLS[name]], data[SELECTOR_BYTES:])
    except Exception as error:  # whatever the decoder raises on such bytes
        raise ValueError(f"no {name}: {type(error).__name__}") from error
    found = Call(name, dict(zip((name for name, _ in CALLS[name]), values, strict=True)))
    if encoded(found) != data:
        raise ValueError(f"more than a {name}")  # what is appended may be a fee
    return found


def differences(trader: str, wanted: Call, data: bytes) -> list[str]:
    """Names of all in which these bytes are not `wanted`, sent for this trader; empty where they may be signed."""
    try:
        outer = decoded(data)
        if outer.name != DELEGATED:
            return ["call"]
        inner = decoded(outer.arguments["call"])
    except ValueError as error:
        return [str(error)]
    found = [] if str(outer.arguments["trader"]).lower() == trader.lower() else ["trader"]
    if inner.name != wanted.name:
        return [*found, "name"]
    return found + [name for name, _ in CALLS[inner.name] if inner.arguments[name] != wanted.arguments[name]]
