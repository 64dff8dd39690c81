"""The router's calls that a delegate sends for its trader: to bytes, and back from bytes to names. Pure.

Nobody here has seen the real router's ABI of these calls (unverified): `CALLS` is the one place that says it. A name or
an argument that is not the contract's gives another selector, and the call reverts without an effect. A struct is a
mapping of its fields.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak

DELEGATED = "delegatedAction"
UPDATE_MARGIN = "updateMargin"
OPEN_TRADE = "openTrade"
CANCEL_ORDER = "cancelOpenLimitOrder"
SELECTOR_BYTES = 4
TRADE: tuple[tuple[str, str], ...] = (
    *(("trader", "address"), ("pairIndex", "uint256"), ("index", "uint256"), ("initialPosToken", "uint256")),
    *(("positionSizeUSDC", "uint256"), ("openPrice", "uint256"), ("buy", "bool"), ("leverage", "uint256")),
    *(("tp", "uint256"), ("sl", "uint256"), ("timestamp", "uint256")),
)
STRUCTS = {f"({','.join(kind for _, kind in TRADE)})": TRADE}
CALLS: dict[str, tuple[tuple[str, str], ...]] = {
    DELEGATED: (("trader", "address"), ("call", "bytes")),
    UPDATE_MARGIN: (
        *(("pairIndex", "uint256"), ("index", "uint256")),
        *(("action", "uint8"), ("amount", "uint256"), ("priceUpdateData", "bytes")),
    ),
    OPEN_TRADE: (("trade", next(iter(STRUCTS))), ("orderType", "uint8"), ("slippageP", "uint256")),
    CANCEL_ORDER: (("pairIndex", "uint256"), ("index", "uint256")),
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
    return selector(call.name) + encode(kinds, [_plain(kind, call.arguments[name]) for name, kind in CALLS[call.name]])


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
    arguments = zip(CALLS[name], values, strict=True)
    found = Call(name, {argument: _named(kind, value) for (argument, kind), value in arguments})
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
    found = [] if _same(outer.arguments["trader"], trader) else ["trader"]
    if inner.name != wanted.name:
        return [*found, "name"]
    return found + [
        different
        for name, kind in CALLS[inner.name]
        for different in _unlike(name, kind, inner.arguments[name], wanted.arguments[name])
    ]


def _unlike(name: str, kind: str, found: Any, wanted: Any) -> list[str]:
    if kind not in STRUCTS:
        return [] if _same(found, wanted) else [name]
    return [f"{name}.{part}" for part, _ in STRUCTS[kind] if not _same(found[part], wanted[part])]


def _same(found: Any, wanted: Any) -> bool:
    """Addresses are told in either case."""
    if isinstance(found, str) and isinstance(wanted, str):
        return found.lower() == wanted.lower()
    return bool(found == wanted)


def _plain(kind: str, value: Any) -> Any:
    return tuple(value[name] for name, _ in STRUCTS[kind]) if kind in STRUCTS else value


def _named(kind: str, value: Any) -> Any:
    return dict(zip((name for name, _ in STRUCTS[kind]), value, strict=True)) if kind in STRUCTS else value
