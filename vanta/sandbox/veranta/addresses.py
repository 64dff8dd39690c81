"""Addresses of the pretended contracts; they are made up and mean nothing on the real chain."""

from __future__ import annotations

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

CHAIN_ID = 8453


def _address(name: str) -> str:
    return to_checksum_address(keccak(text=f"vanta sandbox {name}")[-20:])


TRADING_ROUTER = _address("trading router")
TRADING_STORAGE = _address("trading storage")
USDC = _address("usdc")
ADDRESSES = {
    "tradingRouter": TRADING_ROUTER,
    "tradingStorage": TRADING_STORAGE,
    "usdc": USDC,
    "referral": _address("referral"),
    "builderCode": _address("builder code"),
    "delegationTemplate": _address("delegation template"),
    "tranche": _address("tranche"),
}
