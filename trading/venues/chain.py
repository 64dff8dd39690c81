"""Base as its own node tells it, through web3: receipts, blocks, what a wallet has and allows. Never the venue's word.

Every call raises ChainUnreachable where the node is away, refuses, or answers something that cannot be read.
"""

import datetime as dt
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

from django.conf import settings
from eth_typing import ABI
from hexbytes import HexBytes
from web3 import Web3
from web3.exceptions import TransactionNotFound

from trading.errors import TradingError
from vanta.node import NodeErrors, node

USDC_UNIT = Decimal(10**6)
A_HASH = re.compile(r"0x[0-9a-fA-F]{64}")
Result = TypeVar("Result")


def _view(name: str, *inputs: str) -> Any:
    return {
        "type": "function",
        "name": name,
        "stateMutability": "view",
        "inputs": [{"name": "", "type": kind} for kind in inputs],
        "outputs": [{"name": "", "type": "uint256"}],
    }


USDC_ABI: ABI = [_view("balanceOf", "address"), _view("allowance", "address", "address")]


class ChainUnreachable(TradingError):
    """The node gave no usable answer; nothing is known by it."""

    code = "chain_unreachable"
    retryable = True


@dataclass(frozen=True, slots=True)
class Head:
    """The newest block that the node has seen."""

    chain_id: int
    number: int
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class Mined:
    """A transaction in a block; `contracts` are the one that it was sent to and those that wrote logs, lower case."""

    succeeded: bool
    block_number: int
    block_at: dt.datetime
    contracts: frozenset[str]


@dataclass(frozen=True, slots=True)
class WalletFunds:
    """USDC of a wallet, and what a spender may take of it."""

    balance_usd: Decimal
    allowance_usd: Decimal


def head() -> Head:
    """Chain and newest block. Raises ChainUnreachable."""

    def ask(base: Web3) -> Head:
        block = base.eth.get_block("latest")
        return Head(base.eth.chain_id, int(block["number"]), _time(block["timestamp"]))

    return _ask(ask)


def mined(transaction_hash: str) -> Mined | None:
    """What became of a transaction; None where this node knows it in no block. Raises ChainUnreachable."""
    if not A_HASH.fullmatch(transaction_hash):
        return None

    def ask(base: Web3) -> Mined | None:
        try:
            receipt = base.eth.get_transaction_receipt(HexBytes(transaction_hash))
        except TransactionNotFound:
            return None
        if HexBytes(receipt["transactionHash"]) != HexBytes(transaction_hash):
            raise ValueError("another transaction's receipt")
        block = base.eth.get_block(receipt["blockNumber"])
        contracts = [receipt.get("to"), *(log["address"] for log in receipt["logs"])]
        return Mined(
            succeeded=receipt["status"] == 1,
            block_number=int(receipt["blockNumber"]),
            block_at=_time(block["timestamp"]),
            contracts=_addresses(contracts),
        )

    return _ask(ask)


def funds(*, wallet: str, spender: str, usdc: str) -> WalletFunds:
    """What the USDC contract itself says at the newest block. Raises ChainUnreachable."""

    def ask(base: Web3) -> WalletFunds:
        token = base.eth.contract(address=Web3.to_checksum_address(usdc), abi=USDC_ABI)
        owner = Web3.to_checksum_address(wallet)
        balance = token.functions.balanceOf(owner).call()
        allowance = token.functions.allowance(owner, Web3.to_checksum_address(spender)).call()
        return WalletFunds(balance / USDC_UNIT, allowance / USDC_UNIT)

    return _ask(ask)


def _ask(ask: Callable[[Web3], Result]) -> Result:
    try:
        return ask(node(settings.BASE_RPC_URL))
    except NodeErrors as error:
        raise ChainUnreachable(error=type(error).__name__) from None  # its text may hold the node's key


def _addresses(found: Iterable[Any]) -> frozenset[str]:
    return frozenset(str(address).lower() for address in found if address)


def _time(seconds: Any) -> dt.datetime:
    return dt.datetime.fromtimestamp(int(seconds), dt.UTC)
