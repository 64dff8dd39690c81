"""The venue's intents as EIP-712 structs, written down apart from the SDK, so that a drift between the two shows. Pure.

Integers are the wire's: USDC 1e6; price, leverage and percent 1e10; deadlines in milliseconds.
"""

from collections.abc import Mapping
from typing import Any

from eth_abi.abi import decode
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak

Message = Mapping[str, Any]
Fields = tuple[tuple[str, str], ...]

OPEN = "OpenTradeReq"
CLOSE = "CloseTradeReq"
STOPS = "UpdateTpSlReq"
INCREASE = "IncreasePositionSizeReq"
_TRADE: Fields = (
    ("trader", "address"),
    *((name, "uint256") for name in ("pairIndex", "index", "initialPosToken", "positionSizeUSDC", "openPrice")),
    ("buy", "bool"),
    *((name, "uint256") for name in ("leverage", "tp", "sl", "timestamp")),
)
_STRUCTS: dict[str, Fields] = {
    "Trade": _TRADE,
    OPEN: (
        ("_t", "Trade"),
        ("_type", "uint8"),
        *((name, "uint256") for name in ("_slippageP", "_deadline", "_nonce")),
    ),
    CLOSE: (
        ("_trader", "address"),
        *((name, "uint256") for name in ("_pairIndex", "_index", "_openTimestamp", "_amount")),
        *((name, "uint256") for name in ("_wantedPrice", "_deadline", "_nonce")),
    ),
    STOPS: (
        ("trader", "address"),
        *((name, "uint256") for name in ("_pairIndex", "_index", "_newTp", "_newSl", "_deadline", "_nonce")),
    ),
    "UpdatePositionSize": (
        ("trader", "address"),
        *((name, "uint256") for name in ("pairIndex", "index", "openPrice", "initialPosToken", "leverage")),
    ),
    INCREASE: (
        ("_updateInfo", "UpdatePositionSize"),
        *((name, "uint256") for name in ("_slippageP", "_deadline", "_nonce")),
    ),
}
_DOMAIN: Fields = (
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
)


def domain(chain_id: int, trading_router: str) -> dict[str, Any]:
    """The EIP-712 domain of the trading router."""
    return {"name": "AvantisTrading", "version": "1", "chainId": chain_id, "verifyingContract": trading_router}


def types_of(kind: str) -> dict[str, list[dict[str, str]]]:
    """The types that a message of this kind is made of, without the domain's."""
    named = [kind, *(type_name for _, type_name in _STRUCTS[kind] if type_name in _STRUCTS)]
    return {name: _as_json(_STRUCTS[name]) for name in named}


def digest_of(kind: str, message: Message, of_domain: Mapping[str, Any]) -> str:
    """The digest that is signed, in hex."""
    signable = encode_typed_data(
        full_message={
            "types": {"EIP712Domain": _as_json(_DOMAIN), **types_of(kind)},
            "primaryType": kind,
            "domain": dict(of_domain),
            "message": dict(message),
        }
    )
    return "0x" + keccak(b"\x19" + signable.version + signable.header + signable.body).hex()


def decoded(kind: str, encoded: str) -> dict[str, Any]:
    """The message that the ABI-encoded bytes stand for. Raises ValueError where they stand for none."""
    try:
        (values,) = decode([_abi_type(kind)], bytes.fromhex(encoded.removeprefix("0x")))
    except Exception as error:  # whatever the decoder raises on such bytes
        raise ValueError(f"no {kind}: {type(error).__name__}") from error
    return _named(kind, values)


def unlike(kind: str, wanted: Message, found: Message, prefix: str = "") -> list[str]:
    """Names of the fields in which two messages of one kind differ; integers may be text, addresses in any case."""
    names = dict(_STRUCTS[kind])
    strange = sorted(set(found) - set(names))
    differing = [prefix + name for name in strange]
    for name, type_name in names.items():
        value = found.get(name)
        if type_name in _STRUCTS:
            inner = value if isinstance(value, Mapping) else {}
            differing += unlike(type_name, wanted[name], inner, f"{prefix}{name}.")
        elif not _same(type_name, wanted[name], value):
            differing.append(prefix + name)
    return differing


def _same(type_name: str, wanted: Any, found: Any) -> bool:
    if type_name == "bool":
        return found is wanted
    if type_name == "address":
        return isinstance(found, str) and found.lower() == wanted.lower()
    is_number = isinstance(found, int) and not isinstance(found, bool)
    is_text = isinstance(found, str) and found.isascii() and found.isdigit()
    return (is_number or is_text) and int(found) == wanted


def _as_json(fields: Fields) -> list[dict[str, str]]:
    return [{"name": name, "type": type_name} for name, type_name in fields]


def _abi_type(kind: str) -> str:
    parts = [_abi_type(type_name) if type_name in _STRUCTS else type_name for _, type_name in _STRUCTS[kind]]
    return f"({','.join(parts)})"


def _named(kind: str, values: Any) -> dict[str, Any]:
    return {
        name: _named(type_name, value) if type_name in _STRUCTS else value
        for (name, type_name), value in zip(_STRUCTS[kind], values, strict=True)
    }
