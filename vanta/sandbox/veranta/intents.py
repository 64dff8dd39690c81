"""Signed intents: their EIP-712 structs, decoding from ABI bytes, digest and signer.

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
    "UpdateTpSlReq": (
        ("trader", "address"),
        *_uints("_pairIndex", "_index", "_newTp", "_newSl", "_deadline", "_nonce"),
    ),
    "TpSlReq": (
        ("trader", "address"),
        *_uints("pairIndex", "index"),
        ("triggerType", "uint8"),
        ("coinSize", "uint256"),
        ("buy", "bool"),
        ("price", "uint256"),
        ("percentage", "int256"),
        *_uints("timestamp", "signTimestamp"),
        ("orderType", "uint8"),
        ("nonce", "uint256"),
    ),
    "CancelOffchainOrder": (("entityId", "string"),),
    "DelegateReq": (
        *(("trader", "address"), ("delegate", "address")),
        *_uints("expiry", "deadline"),
        ("tnc", "string"),
        ("nonce", "uint256"),
    ),
}
# Solidity declares this struct's fields in another order than its type hash does.
_ABI_ORDER = {"DelegateReq": ("trader", "delegate", "expiry", "tnc", "deadline", "nonce")}
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
        inner: Json = self.message.get("_t") or self.message.get("_updateInfo") or self.message
        return to_checksum_address(inner.get("trader") or inner["_trader"])

    @property
    def nonce(self) -> int:
        return int(self.message.get("_nonce") or self.message.get("nonce") or 0)

    @property
    def deadline_ms(self) -> int:
        return int(self.message.get("_deadline") or self.message.get("deadline") or 0)


def read_market_intent(order_type: int, encoded: str, signature: str) -> Intent:
    """An intent of the batched-market service; raises BadIntent."""
    kind = KIND_BY_ORDER_TYPE.get(order_type)
    if kind is None:
        raise BadIntent(f"orderType must be one of {sorted(KIND_BY_ORDER_TYPE)}")
    return read_intent(kind, encoded, signature)


def read_intent(kind: str, encoded: str, signature: str) -> Intent:
    """Decodes and recovers; raises BadIntent."""
    try:
        (values,) = decode([_abi_type(kind)], bytes.fromhex(encoded.removeprefix("0x")))
        return signed_intent(kind, _named(_abi_fields(kind), values), signature)
    except Exception as error:
        # Whatever the decoders raise on hostile bytes: to the client it is one thing, a bad request.
        raise BadIntent(f"userIntent cannot be read: {type(error).__name__}") from error


def signed_intent(kind: str, message: Json, signature: str) -> Intent:
    """An intent whose message came as JSON; raises BadIntent, or whatever the encoders raise on a wrong value."""
    digest = intent_digest(kind, message)
    return Intent(kind, message, digest, recover(digest, bytes.fromhex(signature.removeprefix("0x"))))


def intent_digest(kind: str, message: Json) -> bytes:
    """The EIP-712 digest that was signed."""
    return keccak(b"\x19\x01" + _domain_separator() + _hash_struct(kind, STRUCTS[kind], message))


def encode_intent(kind: str, message: Json) -> str:
    return "0x" + encode([_abi_type(kind)], [_plain(_abi_fields(kind), message)]).hex()


def typed_data_types(kind: str) -> dict[str, list[dict[str, str]]]:
    """The `types` of the typed data, without the domain's, as the tx-builder gives them."""
    found = {kind: _as_json(STRUCTS[kind])}
    for _, type_name in STRUCTS[kind]:
        if type_name in _NESTED:
            found[type_name] = _as_json(_NESTED[type_name])
    return found


def _as_json(fields: Fields) -> list[dict[str, str]]:
    return [{"name": name, "type": type_name} for name, type_name in fields]


def _abi_fields(kind: str) -> Fields:
    types = dict(STRUCTS[kind])
    return tuple((name, types[name]) for name in _ABI_ORDER.get(kind, types))


def _abi_type(kind: str) -> str:
    parts = [f"({','.join(t for _, t in _NESTED[t_])})" if t_ in _NESTED else t_ for _, t_ in _abi_fields(kind)]
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
        elif type_name == "string":
            types.append("bytes32")
            values.append(keccak(text=message[field]))
        else:
            types.append(type_name)
            values.append(message[field])
    return keccak(encode(types, values))


def _domain_separator() -> bytes:
    type_hash = keccak(text="EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
    values = [type_hash, keccak(text=DOMAIN["name"]), keccak(text=DOMAIN["version"]), CHAIN_ID, TRADING_ROUTER]
    return keccak(encode(["bytes32", "bytes32", "bytes32", "uint256", "address"], values))


def recover(digest: bytes, signature: bytes) -> str:
    """The address that signed a digest; raises BadIntent, or what the curve's library raises on a bad signature."""
    if len(signature) != 65:
        raise BadIntent("a signature has 65 bytes")
    recovery = signature[64] - 27 if signature[64] >= 27 else signature[64]
    parts = (recovery, int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big"))
    public_key = Signature(vrs=parts).recover_public_key_from_msg_hash(digest)
    return str(public_key.to_checksum_address())
