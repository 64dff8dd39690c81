"""Wallets as the chain knows them: account nonces, EIP-7702 code, and signed ERC-7821 batches that relays carry.

A batch is used once: its signature covers the nonce `key << 64 | seq`, and `seq` grows with every use of the key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import rlp  # type: ignore[import-untyped]
from eth_abi.abi import decode, encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from vanta.sandbox.veranta.addresses import CHAIN_ID
from vanta.sandbox.veranta.intents import recover
from vanta.sandbox.veranta.refusals import Reverted

Json = dict[str, Any]
EXECUTE = keccak(text="execute(bytes32,bytes)")[:4]
_CALL_TYPE = "Call(address to,uint256 value,bytes data)"
_CALL_HASH = keccak(text=_CALL_TYPE)
_EXECUTE_HASH = keccak(text="Execute(bytes32 mode,Call[] calls,uint256 nonce)" + _CALL_TYPE)
_DOMAIN_HASH = keccak(text="EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
_AUTHORIZATION = b"\x05"


@dataclass(slots=True)
class Wallet:
    """An externally owned account; `uses` holds, for each key, when its nonces were used, in the chain's seconds."""

    address: str
    nonce: int = 0
    template: str = ""
    uses: dict[str, list[float]] = field(default_factory=dict)

    @property
    def code(self) -> str:
        return "0xef0100" + self.template.lower().removeprefix("0x") if self.template else "0x"

    def sequence(self, key: int, seen_s: float | None = None) -> int:
        """How often a key was used, by a time or at all."""
        return sum(1 for at_s in self.uses.get(str(key), ()) if seen_s is None or at_s <= seen_s)


@dataclass(frozen=True, slots=True)
class Batch:
    """A signed batch as it was decoded: the account that signed it, and its one call."""

    account: str
    key: int
    nonce: int
    digest: bytes
    to: str
    data: bytes


Wallets = dict[str, Wallet]


def wallet_of(wallets: Wallets, address: str) -> Wallet:
    return wallets.setdefault(address.lower(), Wallet(to_checksum_address(address)))


def described(wallets: Wallets, address: str) -> Json:
    wallet = wallets.get(address.lower(), Wallet(address))
    sequences = {key: len(times) for key, times in wallet.uses.items()}
    return {"execNonces": sequences, "accountNonce": wallet.nonce, "code": wallet.code}


def authorize(wallets: Wallets, authorizations: list[Json]) -> None:
    """Applies EIP-7702 authorisations; one that is stale, malformed or of another chain is skipped, as on the chain."""
    for asked in authorizations:
        authority = _authority(asked)
        if authority is None:
            continue
        wallet = wallet_of(wallets, authority)
        if int(asked["chainId"]) in {0, CHAIN_ID} and wallet.nonce == int(asked["nonce"]):
            wallet.template = to_checksum_address(asked["address"])
            wallet.nonce += 1


def _authority(asked: Json) -> str | None:
    signature = _word(asked["r"]) + _word(asked["s"]) + bytes([int(asked["yParity"])])
    template = bytes.fromhex(asked["address"].removeprefix("0x"))
    signed = _AUTHORIZATION + rlp.encode([int(asked["chainId"]), template, int(asked["nonce"])])
    try:
        return recover(keccak(signed), signature)
    except Exception:
        # The curve's library raises several kinds for a signature that is none.
        return None


def read_batch(wallets: Wallets, account: str, data: bytes) -> Batch:
    """Decodes `execute` and checks the account's signature over its present nonce; raises Reverted."""
    try:
        return _read_batch(wallets, account, data)
    except Reverted:
        raise
    except Exception as error:
        # Whatever the decoders raise on hostile bytes: on the chain it is one thing, a revert.
        raise Reverted(f"InvalidCalldata {type(error).__name__}") from error


def _read_batch(wallets: Wallets, account: str, data: bytes) -> Batch:
    if data[:4] != EXECUTE:
        raise Reverted("UnknownSelector")
    mode, execution = decode(["bytes32", "bytes"], data[4:])
    calls, signed = decode(["(address,uint256,bytes)[]", "bytes"], execution)
    if len(calls) != 1:
        raise Reverted("OneCallOnly")
    key = int.from_bytes(signed[:24], "big")
    nonce = key << 64 | wallet_of(wallets, account).sequence(key)
    digest = _digest(account, mode, calls, nonce)
    if recover(digest, signed[24:]).lower() != account.lower():
        raise Reverted("UnauthorizedCaller")
    to, _, call = calls[0]
    return Batch(to_checksum_address(account), key, nonce, digest, to_checksum_address(to), call)


def use(wallets: Wallets, batch: Batch, at_s: float) -> None:
    """Consumes a batch's nonce."""
    wallet_of(wallets, batch.account).uses.setdefault(str(batch.key), []).append(at_s)


def _digest(account: str, mode: bytes, calls: list[tuple[str, int, bytes]], nonce: int) -> bytes:
    hashes = [
        keccak(encode(["bytes32", "address", "uint256", "bytes32"], [_CALL_HASH, to, value, keccak(data)]))
        for to, value, data in calls
    ]
    struct = encode(
        ["bytes32", "bytes32", "bytes32", "uint256"], [_EXECUTE_HASH, mode, keccak(b"".join(hashes)), nonce]
    )
    names = [keccak(text="GelatoDelegation"), keccak(text="0.0.1")]
    domain = encode(["bytes32", "bytes32", "bytes32", "uint256", "address"], [_DOMAIN_HASH, *names, CHAIN_ID, account])
    return keccak(b"\x19\x01" + keccak(domain) + keccak(struct))


def _word(text: str) -> bytes:
    return int(text, 16).to_bytes(32, "big")
