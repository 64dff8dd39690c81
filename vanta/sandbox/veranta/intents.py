"""Signed market intents: their EIP-712 structs, decoding from ABI bytes, digest and signer.

Written down here a second time, apart from the SDK, so that a drift between what is signed and what is decoded shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from eth_abi.abi import decode, encode
from eth_keys.datatypes import Signature
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from vanta.sandbox.veranta.addresses import CHAIN_ID, TRADING_ROUTER

Json = dict[str, Any]
Fields = tuple[tuple[str, str], ...]


class BadIntent(ValueError):
    """The bytes are no intent of this kind, or the signature is none."""


def _uints(*names: str) -> Fields:
    return tuple((name, "uint256") for name in names)


_TRADE: Fields = (
    ("trader", "address"),
    *_uints("pairIndex", "index", "initialPosToken", "positionSizeUSDC", "openPrice"),
    ("buy", "bool"),
    *_uints("leverage", "tp", "sl", "timestamp"),
)
_UPDATE: Fields = (("trader", "address"), *_uints("pairIndex", "index", "openPrice", "initialPosToken", "leverage"))
_NESTED: dict[str, Fields] = {"Trade": _TRADE, "UpdatePositionSize": _UPDATE}
STRUCTS: dict[str, Fields] = {
    "OpenTradeReq": (("_t", "Trade"), ("_type", "uint8"), *_uints("_slippageP", "_deadline", "_nonce")),
    "CloseTradeReq": (
        ("_trader", "address"),
        *_uints("_pairIndex", "_index", "_openTimestamp", "_amount", "_wantedPrice", "_deadline", "_nonce"),
    ),
    "IncreasePositionSizeReq": (
        ("_updateInfo", "UpdatePositionSize"),
        *_uints("_slippageP", "_deadline", "_nonce"),
    ),
}
KIND_BY_ORDER_TYPE = {
    0: "OpenTradeReq",
    1: "CloseTradeReq",
    6: "OpenTradeReq",
    7: "CloseTradeReq",
    9: "IncreasePositionSizeReq",
}
DOMAIN: Json = {
    "name": "AvantisTrading",
    "version": "1",
    "chainId": CHAIN_ID,
    "verifyingContract": TRADING_ROUTER,
}


@dataclass(frozen=True, slots=True)
class Intent:
    """A decoded intent; nested structs are dicts, integers are raw units."""

    kind: str
    message: Json
    digest: bytes
    signer: str

    @property
    def trader(self) -> str:
        inner: Json = self.message.get("_t") or self.message.get("_updateInfo") or {"trader": self.message["_trader"]}
        return to_checksum_address(inner["trader"])

    @property
    def nonce(self) -> int:
        return int(self.message["_nonce"])

    @property
    def deadline_ms(self) -> int:
        return int(self.message["_deadline"])


def read_intent(order_type: int, encoded: str, signature: str) -> Intent:
    """Decodes and recovers; raises BadIntent."""
    kind = KIND_BY_ORDER_TYPE.get(order_type)
    if kind is None:
        raise BadIntent(f"orderType must be one of {sorted(KIND_BY_ORDER_TYPE)}")
    try:
        (values,) = decode([_abi_type(kind)], bytes.fromhex(encoded.removeprefix("0x")))
        message = _named(STRUCTS[kind], values)
        digest = intent_digest(kind, message)
        return Intent(kind, message, digest, _recover(digest, bytes.fromhex(signature.removeprefix("0x"))))
    except Exception as error:
        # Whatever the decoders raise on hostile bytes: to the client it is one thing, a bad request.
        raise BadIntent(f"userIntent cannot be read: {type(error).__name__}") from error


def intent_digest(kind: str, message: Json) -> bytes:
    """The EIP-712 digest that was signed."""
    return keccak(b"\x19\x01" + _domain_separator() + _hash_struct(kind, STRUCTS[kind], message))


def encode_intent(kind: str, message: Json) -> str:
    return "0x" + encode([_abi_type(kind)], [_plain(STRUCTS[kind], message)]).hex()


def typed_data_types(kind: str) -> dict[str, list[dict[str, str]]]:
    """The `types` of the typed data, without the domain's, as the tx-builder gives them."""
    found = {kind: _as_json(STRUCTS[kind])}
    for _, type_name in STRUCTS[kind]:
        if type_name in _NESTED:
            found[type_name] = _as_json(_NESTED[type_name])
    return found


def _as_json(fields: Fields) -> list[dict[str, str]]:
    return [{"name": name, "type": type_name} for name, type_name in fields]


def _abi_type(kind: str) -> str:
    parts = [f"({','.join(t for _, t in _NESTED[t_])})" if t_ in _NESTED else t_ for _, t_ in STRUCTS[kind]]
    return f"({','.join(parts)})"


def _named(fields: Fields, values: Any) -> Json:
    named = {}
    for (name, type_name), value in zip(fields, values, strict=True):
        named[name] = _named(_NESTED[type_name], value) if type_name in _NESTED else value
    return named


def _plain(fields: Fields, message: Json) -> tuple[Any, ...]:
    return tuple(_plain(_NESTED[t], message[name]) if t in _NESTED else message[name] for name, t in fields)


def _type_string(name: str, fields: Fields) -> str:
    own = f"{name}({','.join(f'{t} {n}' for n, t in fields)})"
    nested = sorted({t for _, t in fields if t in _NESTED})
    return own + "".join(_type_string(t, _NESTED[t]) for t in nested)


def _hash_struct(name: str, fields: Fields, message: Json) -> bytes:
    types, values = ["bytes32"], [keccak(text=_type_string(name, fields))]
    for field, type_name in fields:
        if type_name in _NESTED:
            types.append("bytes32")
            values.append(_hash_struct(type_name, _NESTED[type_name], message[field]))
        else:
            types.append(type_name)
            values.append(message[field])
    return keccak(encode(types, values))


def _domain_separator() -> bytes:
    type_hash = keccak(text="EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
    values = [type_hash, keccak(text=DOMAIN["name"]), keccak(text=DOMAIN["version"]), CHAIN_ID, TRADING_ROUTER]
    return keccak(encode(["bytes32", "bytes32", "bytes32", "uint256", "address"], values))


def _recover(digest: bytes, signature: bytes) -> str:
    if len(signature) != 65:
        raise BadIntent("a signature has 65 bytes")
    recovery = signature[64] - 27 if signature[64] >= 27 else signature[64]
    parts = (recovery, int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big"))
    public_key = Signature(vrs=parts).recover_public_key_from_msg_hash(digest)
    return str(public_key.to_checksum_address())
