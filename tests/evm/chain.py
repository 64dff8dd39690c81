"""A real EVM on loopback: anvil as a process of its own, with the aggregators that a test deploys on it."""

import json
import os
import shutil
import signal
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from web3 import HTTPProvider, Web3
from web3.contract.contract import ContractConstructor, ContractFunction
from web3.types import TxReceipt

from tests.waiting import wait_until
from vanta.embedded.host import die_with_parent, free_port

FOLDER = Path(__file__).resolve().parent
ANVIL = FOLDER / "node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"
CHAIN_ID = 8453
STARTS_WITHIN_S = 10
MISSING = "anvil and solc are not installed: `make install-evm` does it (needs npm, on Linux and x86-64)"


def require_evm() -> None:
    """Skip where the EVM is not installed; in CI that is a failure, so that these tests cannot be lost unnoticed."""
    if ANVIL.exists() and (FOLDER / "node_modules/solc").exists() and shutil.which("node"):
        return
    if os.environ.get("CI"):
        pytest.fail(MISSING)
    pytest.skip(MISSING)


class Chain:
    """One anvil process. The same deployments in the same order have the same addresses again after a restart."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._web3 = Web3(HTTPProvider(self.url))
        self.start()

    def start(self) -> None:
        command = [str(ANVIL), "--port", str(self.port), "--chain-id", str(CHAIN_ID), "--silent"]
        self.process = subprocess.Popen(command, preexec_fn=die_with_parent(signal.SIGKILL))
        wait_until(self._web3.is_connected, STARTS_WITHIN_S, "anvil answers")

    def pause(self) -> None:
        """It keeps its connections and answers nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def deploy(self, description: str, decimals: int) -> "Feed":
        """A new aggregator, without a round."""
        creation = self._web3.eth.contract(**compiled()).constructor(description, decimals)
        return Feed(self._web3, str(carried_out(self._web3, creation)["contractAddress"]))


class Feed:
    """An aggregator, price or sequencer uptime."""

    def __init__(self, web3: Web3, address: str) -> None:
        self._web3 = web3
        self.address = address

    def set_round(self, found: tuple[int, int, int, int, int]) -> None:
        """What `latestRoundData()` returns from now on."""
        contract = self._web3.eth.contract(address=Web3.to_checksum_address(self.address), abi=compiled()["abi"])
        carried_out(self._web3, contract.functions.setRound(found))


def carried_out(web3: Web3, call: ContractConstructor | ContractFunction) -> TxReceipt:
    """The receipt of a transaction of anvil's first account."""
    receipt = web3.eth.wait_for_transaction_receipt(call.transact({"from": web3.eth.accounts[0]}))
    assert receipt["status"] == 1
    return receipt


@cache
def compiled() -> dict[str, Any]:
    """The aggregator's ABI and bytecode."""
    done = subprocess.run(["node", "compile.js"], cwd=FOLDER, capture_output=True, text=True, timeout=60, check=True)
    artifact: dict[str, Any] = json.loads(done.stdout)
    return artifact
