"""Nonces, blocks and receipts: what a node has seen proves what was executed, and what never was."""

import secrets
import time
from typing import Any

import pytest
from veranta_sdk.errors import RelayError
from web3 import HTTPProvider, Web3
from web3.exceptions import TransactionNotFound

from tests.sandbox.conftest import Sandbox
from tests.sandbox.test_veranta_reads import with_client
from tests.sandbox.traders import MARKET_OPEN, Trader, effects, inject, kinds, opened
from tests.waiting import wait_until


@pytest.fixture
def web3(venue: Sandbox) -> Web3:
    return Web3(HTTPProvider(f"{venue.url}/rpc"))


async def used(client: Any, address: str, nonce: int) -> tuple[bool, int]:
    told = await client.txb.nonce(address, nonce)
    return told["used"], told["blockTimestamp"]


def test_a_used_nonce_is_known_under_the_trader_and_the_signer(venue: Sandbox, trader: Trader) -> None:
    owner, nonce = Trader(), secrets.randbits(256)
    venue.post("/control/venue/delegate", trader=owner.address, delegate=trader.address)

    async def trade(client: Any) -> None:
        signed = await trader.signed_open(client, trader=owner.address, nonce=nonce)
        assert (await used(client, owner.address, nonce))[0] is False
        await client.engine.batched_market.execute(MARKET_OPEN, signed, None)
        for address in (owner.address, trader.address, trader.address.lower()):
            assert (await used(client, address, nonce))[0] is True
        assert (await used(client, Trader().address, nonce))[0] is False

    with_client(venue, trade)
    assert (effects(venue, owner)[-1]["signer"], kinds(venue, trader)) == (trader.address, [])


@pytest.mark.parametrize(("kind", "details"), [("frozen", {}), ("lag", {"seconds": 60})])
def test_a_lagging_node_has_not_seen_the_nonce_and_says_how_old_it_is(
    venue: Sandbox, trader: Trader, web3: Web3, kind: str, details: dict[str, Any]
) -> None:
    nonce = secrets.randbits(256)
    inject(venue, kind, "rpc", **details)
    before = web3.eth.get_block("latest")

    async def trade(client: Any) -> tuple[bool, int]:
        await opened(client, trader, nonce=nonce)
        return await used(client, trader.address, nonce)

    is_used, block_timestamp = with_client(venue, trade)
    assert not is_used
    assert before["timestamp"] <= block_timestamp < effects(venue, trader)[0]["blockTimestamp"]
    with pytest.raises(TransactionNotFound):
        web3.eth.get_transaction_receipt(effects(venue, trader)[0]["transactionHash"])
    venue.control.delete("/control/faults")
    assert with_client(venue, lambda client: used(client, trader.address, nonce))[0] is True


def test_an_unused_nonce_at_a_later_block_can_not_be_used_any_more(venue: Sandbox, trader: Trader) -> None:
    nonce = secrets.randbits(256)

    async def trade(client: Any) -> None:
        deadline_ms = int(time.time() * 1000) + 30_000
        signed = await trader.signed_open(client, nonce=nonce, deadline_ms=deadline_ms)
        venue.post("/control/clock", offset_s=32)
        is_used, block_timestamp = await used(client, trader.address, nonce)
        assert (is_used, block_timestamp * 1000 > deadline_ms - 2000) == (False, True)
        with pytest.raises(RelayError, match="TX_NOT_EXECUTED"):
            await client.engine.batched_market.execute(MARKET_OPEN, signed, None)

    with_client(venue, trade)
    assert kinds(venue, trader) == []


def test_the_clock_moves_blocks_and_events_and_no_price(venue: Sandbox, trader: Trader, web3: Web3) -> None:
    told = venue.post("/control/clock", offset_s=3600).json()
    assert told["block_timestamp_s"] == web3.eth.get_block("latest")["timestamp"]
    assert 3590 < told["block_timestamp_s"] - time.time() < 3610

    async def trade(client: Any) -> Any:
        deadline_ms = int((time.time() + 3630) * 1000)
        position = await opened(client, trader, deadline_ms=deadline_ms)
        assert (await client.markets.price_update_data("ETH/USD"))["pro"]["publishTimestampMs"] < time.time() * 1000 + 9
        return position

    assert with_client(venue, trade).opened_at > time.time() + 3500
    assert effects(venue, trader)[0]["at"] > (time.time() + 3500) * 1000


def test_a_receipt_and_its_log_are_in_the_effects_block(venue: Sandbox, trader: Trader, web3: Web3) -> None:
    with_client(venue, lambda client: opened(client, trader))
    (effect,) = effects(venue, trader)
    wait_until(lambda: web3.eth.block_number >= effect["blockNumber"], 10, "the block")
    receipt = web3.eth.get_transaction_receipt(effect["transactionHash"])
    assert (receipt["status"], receipt["blockNumber"]) == (1, effect["blockNumber"])
    assert web3.eth.get_block(receipt["blockNumber"])["timestamp"] == effect["blockTimestamp"]
    (log,) = receipt["logs"]
    nonce = "0x" + int(effect["nonce"]).to_bytes(32, "big").hex()
    assert "0x" + log["topics"][2].hex().removeprefix("0x") == nonce
    wanted = {"fromBlock": effect["blockNumber"] - 5, "toBlock": "latest", "topics": [None, None, nonce]}
    (found,) = web3.eth.get_logs(wanted)  # type: ignore[arg-type]  # web3 takes plain dicts
    assert found["transactionHash"] == receipt["transactionHash"]


def test_the_coin_follows_the_books(venue: Sandbox, trader: Trader, web3: Web3) -> None:
    venue.post("/control/venue/fund", trader=trader.address, balance="123.5", allowance="7")
    usdc = with_client(venue, lambda client: client.engine.addresses())
    abi = [
        {"name": name, "type": "function", "inputs": [{"type": "address", "name": str(n)} for n in range(count)],
         "outputs": [{"type": "uint256", "name": ""}], "stateMutability": "view"}
        for name, count in (("balanceOf", 1), ("allowance", 2))
    ]  # fmt: skip
    coin = web3.eth.contract(address=Web3.to_checksum_address(usdc["usdc"]), abi=abi)
    assert coin.functions.balanceOf(trader.address).call() == 123_500_000
    assert coin.functions.allowance(trader.address, usdc["tradingStorage"]).call() == 7_000_000
