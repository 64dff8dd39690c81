"""web3's HTTP provider reads blocks and Chainlink feeds."""

import time

import httpx
import pytest
from web3 import HTTPProvider, Web3
from web3.exceptions import ContractLogicError

from tests.sandbox.conftest import Sandbox
from tests.waiting import wait_until

ETH_FEED = "0x71041dddad3595F9CEd3DcCFBe3D1F4b0a16Bb70"
BTC_FEED = "0x64c911996D3c6aC71f9b455B1E8E7266BcbD848F"
SEQUENCER = "0xBCF85224fc0756B9Fa45aA7892530B47e10b6433"
_ROUND = [("roundId", "uint80"), ("answer", "int256"), ("startedAt", "uint256"), ("updatedAt", "uint256")]
ABI = [
    {
        "name": name,
        "type": "function",
        "stateMutability": "view",
        "inputs": [],
        "outputs": [{"name": label, "type": kind} for label, kind in outputs],
    }
    for name, outputs in (
        ("latestRoundData", [*_ROUND, ("answeredInRound", "uint80")]),
        ("description", [("", "string")]),
        ("decimals", [("", "uint8")]),
    )
]


@pytest.fixture
def web3(sandbox: Sandbox) -> Web3:
    return Web3(HTTPProvider(f"{sandbox.url}/rpc"))


def contract(web3: Web3, address: str):  # type: ignore[no-untyped-def]  # web3 makes the class at run time
    return web3.eth.contract(address=Web3.to_checksum_address(address), abi=ABI)


def test_blocks_carry_base_times(web3: Web3) -> None:
    assert web3.is_connected()
    assert (web3.eth.chain_id, web3.net.version) == (8453, "8453")
    latest = web3.eth.get_block("latest")
    assert 0 <= time.time() - latest["timestamp"] < 4
    earlier = web3.eth.get_block(latest["number"] - 10)
    assert latest["timestamp"] - earlier["timestamp"] == 20
    assert web3.eth.get_block(latest["hash"])["number"] == latest["number"]


@pytest.mark.parametrize(("address", "name", "near"), [(ETH_FEED, "ETH / USD", 3000), (BTC_FEED, "BTC / USD", 60000)])
def test_a_feed_says_what_it_is_and_follows_the_market(web3: Web3, address: str, name: str, near: int) -> None:
    feed = contract(web3, address)
    assert (feed.functions.description().call(), feed.functions.decimals().call()) == (name, 8)
    round_id, answer, _, updated_at, answered_in = feed.functions.latestRoundData().call()
    assert answered_in == round_id
    assert answer / 10**8 == pytest.approx(near, rel=0.5)
    assert time.time() - updated_at < 1300


def test_a_large_move_makes_a_new_round(sandbox: Sandbox, web3: Web3) -> None:
    feed = contract(web3, BTC_FEED)
    before = feed.functions.latestRoundData().call()[0]
    sandbox.post("/control/price", symbol="BTC", price=61_000)
    wait_until(lambda: feed.functions.latestRoundData().call()[0] > before, 5, "a new round")
    assert feed.functions.latestRoundData().call()[1] == pytest.approx(61_000 * 10**8, rel=0.01)


def test_the_sequencer_is_up(web3: Web3) -> None:
    _, answer, started_at, _, _ = contract(web3, SEQUENCER).functions.latestRoundData().call()
    assert answer == 0
    assert time.time() - started_at > 3600


def test_the_sequencer_is_down_while_the_fault_lasts(sandbox: Sandbox, web3: Web3) -> None:
    feed = contract(web3, SEQUENCER)
    round_id, _, up_since, _, _ = feed.functions.latestRoundData().call()
    sandbox.post("/control/faults", service="rpc", kind="sequencer_down").raise_for_status()
    down = feed.functions.latestRoundData().call()
    assert (down[0], down[1]) == (round_id + 1, 1)
    assert 0 <= time.time() - down[2] < 10
    assert contract(web3, ETH_FEED).functions.latestRoundData().call()[1] > 0
    sandbox.control.delete("/control/faults")
    assert feed.functions.latestRoundData().call()[:3] == [round_id, 0, up_since]


def test_a_contract_that_is_not_there_reverts(web3: Web3) -> None:
    nothing = "0x0000000000000000000000000000000000000001"
    with pytest.raises(ContractLogicError):
        contract(web3, nothing).functions.latestRoundData().call()


def test_a_lagging_node_stands_still(sandbox: Sandbox, web3: Web3) -> None:
    sandbox.post("/control/faults", service="rpc", kind="frozen")
    first = web3.eth.get_block("latest")["timestamp"]
    wait_until(lambda: time.time() > first + 2.2, 10, "the next block's time")
    assert web3.eth.get_block("latest")["timestamp"] == first


def test_batches_and_unknown_methods_are_answered(sandbox: Sandbox) -> None:
    batch = [
        {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId"},
        {"jsonrpc": "2.0", "id": 2, "method": "eth_fly"},
        {"jsonrpc": "2.0", "id": 3, "method": "eth_getBlockByNumber", "params": ["nonsense", False]},
    ]
    told = httpx.post(f"{sandbox.url}/rpc", json=batch).json()
    assert told[0] == {"jsonrpc": "2.0", "id": 1, "result": "0x2105"}
    assert [answer["error"]["code"] for answer in told[1:]] == [-32601, -32602]
