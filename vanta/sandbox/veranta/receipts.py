"""Receipts and logs of the pretended chain, from the journal. A node that lags has not seen the newest ones yet.

Each effect is one log of the router: topics are the event, the trader and the nonce; the data tells kind, pair, index
and order id. The real contracts' events are unverified.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from vanta.sandbox.http import Json
from vanta.sandbox.veranta.addresses import TRADING_ROUTER
from vanta.sandbox.veranta.journal import Transaction
from vanta.sandbox.world import World

EVENT = "0x" + keccak(text="Effect(address,uint256,string,uint256,uint256,uint256)").hex()
_ZERO = "0x" + "0" * 40


def receipt(world: World, tx_hash: str) -> Json | None:
    """The receipt of a transaction; None for one that is in no block that was seen."""
    found = _seen(world, tx_hash)
    if found is None:
        return None
    place = _place(found)
    return {
        **place,
        "from": found.sender,
        "to": found.to or TRADING_ROUTER,
        "status": "0x1" if found.succeeded else "0x0",
        "type": "0x4",
        "cumulativeGasUsed": "0x5208",
        "gasUsed": "0x5208",
        "effectiveGasPrice": "0x5b8d80",
        "contractAddress": None,
        "logsBloom": "0x" + "0" * 512,
        "logs": _logs(world, found),
    }


def transaction(world: World, tx_hash: str) -> Json | None:
    found = _seen(world, tx_hash)
    if found is None:
        return None
    sent = {"from": found.sender, "to": found.to or TRADING_ROUTER, "value": "0x0", "input": "0x", "gas": "0x5208"}
    rest = {"gasPrice": "0x5b8d80", "nonce": "0x0", "type": "0x0", "v": "0x0", "r": "0x0", "s": "0x0"}
    return {**_place(found), **sent, **rest, "hash": found.tx_hash}


def logs(world: World, asked: Json) -> list[Json]:
    """Logs by address, topics and blocks; a block's hash is not looked for."""
    newest = world.blocks.seen().number
    first, last = (_number(asked.get(name), newest) for name in ("fromBlock", "toBlock"))
    sent = (one for one in world.exchange.journal.transactions.values() if first <= one.block_number <= last)
    found = [log for one in sent if one.block_number <= newest for log in _logs(world, one)]
    return [log for log in found if _is_wanted(log, asked)]


def _number(tag: Any, newest: int) -> int:
    if tag == "earliest":
        return 0
    return newest if tag is None or not str(tag).startswith("0x") else int(tag, 16)


def _is_wanted(log: Json, asked: Json) -> bool:
    addresses = _either(asked.get("address"))
    topics: list[Any] = asked.get("topics") or []
    has_topics = all(not _either(wanted) or log["topics"][n] in _either(wanted) for n, wanted in enumerate(topics[:3]))
    return (not addresses or log["address"].lower() in addresses) and has_topics and len(topics) <= 3


def _either(wanted: Any) -> list[str]:
    if wanted is None:
        return []
    several: Iterable[str] = wanted if isinstance(wanted, list) else [wanted]
    return [one.lower() for one in several]


def _seen(world: World, tx_hash: str) -> Transaction | None:
    found = world.exchange.journal.transactions.get(tx_hash.lower())
    return found if found is not None and found.block_number <= world.blocks.seen().number else None


def _place(found: Transaction) -> Json:
    return {
        "transactionHash": found.tx_hash,
        "transactionIndex": "0x0",
        "blockNumber": hex(found.block_number),
        "blockHash": "0x" + keccak(text=f"block {found.block_number}").hex(),
    }


def _logs(world: World, found: Transaction) -> list[Json]:
    return [_log(world.exchange.journal.effects[seq - 1], found, n) for n, seq in enumerate(found.effects)]


def _log(effect: Json, found: Transaction, number: int) -> Json:
    numbers = [int(effect[name] or 0) for name in ("pairIndex", "index", "orderId")]
    data = encode(["string", "uint256", "uint256", "uint256"], [effect["kind"], *numbers])
    trader = "0x" + "0" * 24 + (effect["trader"] or _ZERO)[2:].lower()
    nonce = "0x" + int(effect["nonce"] or 0).to_bytes(32, "big").hex()
    return {
        **_place(found),
        "address": TRADING_ROUTER,
        "topics": [EVENT, trader, nonce],
        "data": "0x" + data.hex(),
        "logIndex": hex(number),
        "removed": False,
    }
