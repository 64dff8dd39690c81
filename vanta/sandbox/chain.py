"""The pretended Base chain: blocks every two seconds, and Chainlink feeds that follow the market model."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from eth_abi.abi import encode
from eth_utils.crypto import keccak

from vanta.sandbox.blocks import BLOCK_S, GENESIS_S
from vanta.sandbox.market import Tick
from vanta.sandbox.veranta.addresses import USDC
from vanta.sandbox.world import World

HEARTBEAT_S = 1200
DEVIATION = 0.0015
DECIMALS = 8
PHASE = 1 << 64
_ROUND = ["uint80", "int256", "uint256", "uint256", "uint80"]


class Reverted(Exception):
    """The call has no such contract or function."""


@dataclass(slots=True)
class Aggregator:
    """One Chainlink feed: a new round on a deviation of 0.15 % or after the heartbeat."""

    symbol: str
    round_id: int
    answer: float
    updated_at_s: int

    def observe(self, price: float, now_s: float) -> None:
        moved = abs(price / self.answer - 1) >= DEVIATION
        if moved or now_s - self.updated_at_s >= HEARTBEAT_S:
            self.round_id, self.answer, self.updated_at_s = self.round_id + 1, price, int(now_s)


def _selector(signature: str) -> str:
    return keccak(text=signature)[:4].hex()


class Chain:
    """What eth_call and the block methods answer from."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._started_s = int(time.time())
        self._feeds = {
            "0x71041dddad3595f9ced3dccfbe3d1f4b0a16bb70": self._aggregator("ETH/USD"),
            "0x64c911996d3c6ac71f9b455b1e8e7266bcbd848f": self._aggregator("BTC/USD"),
        }
        self._sequencer = "0xbcf85224fc0756b9fa45aa7892530b47e10b6433"
        world.market.listeners.append(self._observe)
        self._calls: dict[str, Callable[[str, bytes], bytes]] = {
            _selector("latestRoundData()"): self._latest_round,
            _selector("description()"): self._description,
            _selector("decimals()"): self._decimals,
            _selector("version()"): lambda to, data: encode(["uint256"], [4]),
            _selector("balanceOf(address)"): self._balance_of,
            _selector("allowance(address,address)"): self._allowance,
            _selector("getNonce(uint192)"): self._exec_nonce,
        }

    def _aggregator(self, symbol: str) -> Aggregator:
        tick = self._world.market.tick(symbol)
        return Aggregator(symbol, PHASE + 40_000, tick.price, int(tick.at_s))

    def _observe(self, now_s: float) -> None:
        for feed in self._feeds.values():
            feed.observe(self._world.market.tick(feed.symbol).price, now_s)

    def block_number(self) -> int:
        """The newest block that this node has seen."""
        return self._world.blocks.seen().number

    def block(self, number: int) -> dict[str, Any] | None:
        """A block without transactions; None for one that does not exist yet."""
        if not 0 <= number <= self.block_number():
            return None
        digest = "0x" + keccak(text=f"block {number}").hex()
        zero_hash = "0x" + "0" * 64
        return {
            "number": hex(number),
            "hash": digest,
            "parentHash": "0x" + keccak(text=f"block {number - 1}").hex(),
            "timestamp": hex(GENESIS_S + number * BLOCK_S),
            "baseFeePerGas": hex(5_000_000),
            "gasLimit": hex(400_000_000),
            "gasUsed": "0x0",
            "miner": "0x4200000000000000000000000000000000000011",
            "difficulty": "0x0",
            "extraData": "0x",
            "logsBloom": "0x" + "0" * 512,
            "mixHash": digest,
            "nonce": "0x0000000000000000",
            "receiptsRoot": zero_hash,
            "sha3Uncles": zero_hash,
            "stateRoot": digest,
            "transactionsRoot": zero_hash,
            "size": "0x21c",
            "transactions": [],
            "uncles": [],
        }

    def call(self, to: str, data: str) -> str:
        """eth_call; raises Reverted."""
        raw = bytes.fromhex(data.removeprefix("0x"))
        handler = self._calls.get(raw[:4].hex())
        if handler is None:
            raise Reverted("execution reverted")
        return "0x" + handler(to.lower(), raw[4:]).hex()

    def _feed(self, to: str) -> Aggregator:
        if to not in self._feeds:
            raise Reverted("execution reverted")
        return self._feeds[to]

    def _latest_round(self, to: str, _: bytes) -> bytes:
        if to == self._sequencer:
            return self._sequencer_round()
        feed = self._feed(to)
        tick = self._world.faults.price("rpc", feed.symbol, Tick(feed.answer, feed.updated_at_s))
        raw = int(round(tick.price, DECIMALS) * 10**DECIMALS)
        at_s = int(tick.at_s)
        return encode(_ROUND, [feed.round_id, raw, at_s, at_s, feed.round_id])

    def _sequencer_round(self) -> bytes:
        """Answer 0: up, since an hour before the sandbox began. Answer 1: down, since the fault; it leaves no trace."""
        outages = self._world.faults.of_kind("rpc", "sequencer_down")
        if not outages:
            up_since = self._started_s - 7200
            return encode(_ROUND, [PHASE + 1, 0, up_since, up_since, PHASE + 1])
        outages[0].hits += 1
        down_since = int(outages[0].added_at_s)
        return encode(_ROUND, [PHASE + 2, 1, down_since, down_since, PHASE + 2])

    def _description(self, to: str, _: bytes) -> bytes:
        words = "L2 Sequencer Uptime Status Feed" if to == self._sequencer else None
        return encode(["string"], [words or self._feed(to).symbol.replace("/", " / ")])

    def _decimals(self, to: str, _: bytes) -> bytes:
        if to == USDC.lower():
            return encode(["uint8"], [6])
        if to == self._sequencer:
            return encode(["uint8"], [0])
        self._feed(to)
        return encode(["uint8"], [DECIMALS])

    def _balance_of(self, to: str, data: bytes) -> bytes:
        self._must_be_usdc(to)
        return encode(["uint256"], [self._world.exchange.balance("0x" + data[12:32].hex())])

    def _allowance(self, to: str, data: bytes) -> bytes:
        self._must_be_usdc(to)
        return encode(["uint256"], [self._world.exchange.allowance("0x" + data[12:32].hex())])

    def _exec_nonce(self, to: str, data: bytes) -> bytes:
        """The next ERC-7821 nonce of a key, on an account that has code."""
        wallet = self._world.exchange.accounts.get(to)
        if wallet is None or not wallet.template:
            raise Reverted("execution reverted")
        key = int.from_bytes(data[:32], "big")
        return encode(["uint256"], [key << 64 | wallet.sequence(key, self._world.blocks.seen_s())])

    def _must_be_usdc(self, to: str) -> None:
        if to != USDC.lower():
            raise Reverted("execution reverted")
