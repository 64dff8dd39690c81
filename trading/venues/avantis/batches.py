"""The delegate's signed batch (ERC-7821 in a type-4 transaction) as the relayer takes it, and the proof of what it is.

Built by the SDK and never trusted: the calls, the nonce, both signatures and what they cover are read back from the
finished transaction and held against what was wanted, written down here a second time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import rlp  # type: ignore[import-untyped]
from eth_abi.abi import decode
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak
from veranta_sdk.config import DEFAULT_DELEGATION_ADDRESS
from veranta_sdk.eip7702 import Call as SdkCall
from veranta_sdk.eip7702 import GelatoDelegationEncoder
from veranta_sdk.signing import LocalSigner

from trading.venues.avantis.messages import MessageDiffers
from trading.venues.avantis_delegation import GAS_LIMIT

SEQUENCE_BITS = 64
KEY_BYTES = 24
TYPE_4 = 4
# A precompile that gives back what it is given: calling it changes nothing, on every chain, and always succeeds.
NOTHING = "0x0000000000000000000000000000000000000004"
_EXECUTE = keccak(text="execute(bytes32,bytes)")[:4]
_MODE = bytes.fromhex("01000000000078210001" + "00" * 22)
_AUTHORIZATION = b"\x05"
_FIELDS = {
    "EIP712Domain": {"name": "string", "version": "string", "chainId": "uint256", "verifyingContract": "address"},
    "Call": {"to": "address", "value": "uint256", "data": "bytes"},
    "Execute": {"mode": "bytes32", "calls": "Call[]", "nonce": "uint256"},
}
_TYPES = {name: [{"name": field, "type": kind} for field, kind in fields.items()] for name, fields in _FIELDS.items()}


@dataclass(frozen=True, slots=True)
class Batch:
    """One call of a delegate's account under an exec nonce: the whole 256 bits, a key of its own and sequence 0."""

    account: str
    chain_id: int
    to: str
    data: bytes
    exec_nonce: int


def void(batch: Batch) -> Batch:
    """The batch that does nothing under the same nonce: once it is executed, `batch` never is."""
    return Batch(batch.account, batch.chain_id, NOTHING, b"", batch.exec_nonce)


def signed(batch: Batch, private_key: bytes) -> dict[str, Any]:
    """The transaction's parameters for the relayer; nothing leaves the process. Raises MessageDiffers."""
    built = build(batch, private_key)
    found = differences(batch, built)
    if found:
        raise MessageDiffers(found)
    return built


def build(batch: Batch, private_key: bytes) -> dict[str, Any]:
    """As the SDK builds it."""
    encoder = GelatoDelegationEncoder(LocalSigner(private_key), batch.chain_id, DEFAULT_DELEGATION_ADDRESS)
    calls = [SdkCall(batch.to, batch.data)]
    built: dict[str, Any] = encoder.build_type4(calls, gas=GAS_LIMIT, account_nonce=0, exec_nonce=batch.exec_nonce)
    return built


def differences(batch: Batch, built: Mapping[str, Any]) -> list[str]:
    """Names of all in which the finished transaction is not the batch; whatever cannot be read differs."""
    try:
        return _differences(batch, built)
    except Exception as error:  # whatever decoders and curves raise
        return [f"unreadable {type(error).__name__}"]


def _differences(batch: Batch, built: Mapping[str, Any]) -> list[str]:
    wanted = {"to": batch.account, "value": "0", "chainId": batch.chain_id, "transactionType": TYPE_4}
    found = [name for name, value in wanted.items() if built[name] != value]
    data = bytes.fromhex(built["data"].removeprefix("0x"))
    mode, execution = decode(["bytes32", "bytes"], data[len(_EXECUTE) :])
    calls, operation = decode(["(address,uint256,bytes)[]", "bytes"], execution)
    found += [] if (data[: len(_EXECUTE)], mode) == (_EXECUTE, _MODE) else ["mode"]
    found += [] if [(to.lower(), *rest) for to, *rest in calls] == [(batch.to.lower(), 0, batch.data)] else ["calls"]
    found += [] if batch.exec_nonce == int.from_bytes(operation[:KEY_BYTES], "big") << SEQUENCE_BITS else ["nonce"]
    signer = Account._recover_hash(_digest(batch), signature=operation[KEY_BYTES:])
    found += [] if signer == batch.account else ["signature"]
    (authorization,) = built["authorizationList"]
    return found + _unlike_authorization(batch, authorization)


def _unlike_authorization(batch: Batch, authorization: Mapping[str, Any]) -> list[str]:
    """It gives the delegate's account the one code that the venue's relayer needs, on this chain."""
    terms = (authorization["chainId"], authorization["address"].lower(), authorization["nonce"])
    if terms != (batch.chain_id, DEFAULT_DELEGATION_ADDRESS.lower(), 0):
        return ["authorization"]
    template = bytes.fromhex(DEFAULT_DELEGATION_ADDRESS.removeprefix("0x"))
    digest = keccak(_AUTHORIZATION + rlp.encode([batch.chain_id, template, 0]))
    parity = int(authorization["yParity"])
    signature = b"".join(int(authorization[name], 16).to_bytes(32, "big") for name in ("r", "s")) + bytes([parity])
    is_ours = Account._recover_hash(digest, signature=signature) == batch.account
    return [] if is_ours and authorization.get("v", parity + 27) == parity + 27 else ["authorization"]


def _digest(batch: Batch) -> bytes:
    message = {
        "mode": _MODE,
        "calls": [{"to": batch.to, "value": 0, "data": batch.data}],
        "nonce": batch.exec_nonce,
    }
    domain = {
        "name": "GelatoDelegation",
        "version": "0.0.1",
        "chainId": batch.chain_id,
        "verifyingContract": batch.account,
    }
    asked = {"types": _TYPES, "primaryType": "Execute", "domain": domain, "message": message}
    signable = encode_typed_data(full_message=asked)
    return keccak(b"\x19" + signable.version + signable.header + signable.body)
