"""The calls that the pretended contracts understand, by name. Only setDelegateWithSig and approve are known of the real
ones; the others carry names and arguments of our own."""

from __future__ import annotations

from typing import Any

from eth_abi.abi import decode, encode
from eth_utils.crypto import keccak

_INFO = "(address,uint256,uint256,uint256,uint256,uint256)"
INFO_FIELDS = ("trader", "pairIndex", "index", "openPrice", "initialPosToken", "leverage")
_TRADE = "(address,uint256,uint256,uint256,uint256,uint256,bool,uint256,uint256,uint256,uint256)"
TRADE_FIELDS = (
    *("trader", "pairIndex", "index", "initialPosToken", "positionSizeUSDC", "openPrice"),
    *("buy", "leverage", "tp", "sl", "timestamp"),
)
_STRUCTS = {"trade": TRADE_FIELDS, "info": INFO_FIELDS}
CALLS: dict[str, tuple[tuple[str, str], ...]] = {
    "setDelegateWithSig": (("signature", "bytes"), ("req", "bytes")),
    "removeDelegate": (("delegate", "address"),),
    "delegatedAction": (("trader", "address"), ("call", "bytes")),
    "openTrade": (("trade", _TRADE), ("orderType", "uint8"), ("slippageP", "uint256")),
    "increasePosition": (("info", _INFO), ("slippageP", "uint256")),
    "closeTradeMarket": (("pairIndex", "uint256"), ("index", "uint256"), ("amount", "uint256")),
    "updateMargin": (
        ("pairIndex", "uint256"),
        ("index", "uint256"),
        ("action", "uint8"),
        ("amount", "uint256"),
        ("priceUpdateData", "bytes"),
    ),
    "updateOpenLimitOrder": tuple(
        (name, "uint256") for name in ("pairIndex", "index", "price", "slippageP", "tp", "sl")
    ),
    "cancelOpenLimitOrder": (("pairIndex", "uint256"), ("index", "uint256")),
    "approve": (("spender", "address"), ("amount", "uint256")),
}


def _selector(name: str) -> bytes:
    return keccak(text=f"{name}({','.join(kind for _, kind in CALLS[name])})")[:4]


_BY_SELECTOR = {_selector(name): name for name in CALLS}


def encode_call(name: str, arguments: dict[str, Any]) -> bytes:
    """Calldata; a struct is given as a dict of its fields."""
    values = [_plain(argument, arguments[argument]) for argument, _ in CALLS[name]]
    return _selector(name) + encode([kind for _, kind in CALLS[name]], values)


def decode_call(data: bytes) -> tuple[str, dict[str, Any]]:
    """The name and arguments of a call; raises ValueError for one that is not known."""
    name = _BY_SELECTOR.get(data[:4])
    if name is None:
        raise ValueError("unknown selector")
    values = decode([kind for _, kind in CALLS[name]], data[4:])
    found = {argument: value for (argument, _), value in zip(CALLS[name], values, strict=True)}
    for argument, fields in _STRUCTS.items():
        if argument in found:
            found[argument] = dict(zip(fields, found[argument], strict=True))
    return name, found


def _plain(argument: str, value: Any) -> Any:
    return tuple(value[name] for name in _STRUCTS[argument]) if argument in _STRUCTS else value
