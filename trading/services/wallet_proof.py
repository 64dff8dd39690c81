"""What a wallet signs on the page, and who signed it. Plain accounts only: who signed for a contract is unknown."""

import datetime as dt
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from eth_account import Account
from eth_account.messages import SignableMessage, encode_defunct, encode_typed_data
from eth_utils.address import is_address, to_checksum_address
from eth_utils.crypto import keccak

from trading.errors import WalletRefused

SIGNATURE_BYTES = 65
NESTED_UINTS = ("uint256", "uint64", "uint8")


def checksummed(address: str) -> str:
    """The address with its checksum. Raises WalletRefused."""
    if not isinstance(address, str) or not is_address(address):
        raise WalletRefused("not_an_address")
    return to_checksum_address(address)


def sign_in_message(
    *,
    base_url: str,
    wallet: str,
    person: str,
    telegram_id: int,
    nonce: str,
    chain_id: int,
    issued_at: dt.datetime,
    expires_at: dt.datetime,
) -> str:
    """The message that proves a wallet (EIP-4361); it names the Telegram account that the wallet is connected to."""
    lines = [
        f"{urlsplit(base_url).netloc} wants you to sign in with your Ethereum account:",
        wallet,
        "",
        f"Connect this wallet to the Telegram account {person} (id {telegram_id}). This moves no money.",
        "",
        f"URI: {base_url.rstrip('/')}/connect/",
        "Version: 1",
        f"Chain ID: {chain_id}",
        f"Nonce: {nonce}",
        f"Issued At: {_time(issued_at)}",
        f"Expiration Time: {_time(expires_at)}",
    ]
    return "\n".join(lines)


def require_signer_of_text(message: str, signature: str, wallet: str) -> None:
    """Raise WalletRefused unless this wallet signed this text with `personal_sign`."""
    _require(encode_defunct(text=message), signature, wallet)


def require_signer_of_request(request: Mapping[str, Any], signature: str, wallet: str) -> None:
    """Raise WalletRefused unless this wallet signed the stored request, whose digest is the stored one."""
    typed_data = request["typed_data"]
    kind = typed_data["primaryType"]
    numbers = {field["name"] for field in typed_data["types"][kind] if field["type"] in NESTED_UINTS}
    message = {name: int(value) if name in numbers else value for name, value in typed_data["message"].items()}
    signable = encode_typed_data(full_message={**typed_data, "message": message})
    digest = "0x" + keccak(b"\x19" + signable.version + signable.header + signable.body).hex()
    if digest != request["digest"]:
        raise WalletRefused("request_changed")
    _require(signable, signature, wallet)


def as_contracts_take_it(signature: str) -> str:
    """A good signature with its last byte 27 or 28: some wallets say 0 or 1, which contracts refuse."""
    raw = bytearray.fromhex(signature.removeprefix("0x"))
    raw[-1] += 27 if raw[-1] < 27 else 0
    return "0x" + raw.hex()


def _require(signable: SignableMessage, signature: str, wallet: str) -> None:
    try:
        raw = bytes.fromhex(signature.removeprefix("0x"))
        signer = Account.recover_message(signable, signature=raw) if len(raw) == SIGNATURE_BYTES else None
    except Exception:  # whatever the decoders raise on hostile bytes: it is no signature
        raise WalletRefused("not_a_signature") from None
    if signer is None:
        raise WalletRefused("contract_wallet" if raw else "not_a_signature")
    if signer != wallet:
        raise WalletRefused("another_account")


def _time(at: dt.datetime) -> str:
    return f"{at.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
