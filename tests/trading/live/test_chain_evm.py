"""What the chain says, read from a real EVM: receipts, blocks, and a token's numbers."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from eth_typing import HexStr
from pytest_django import Settings
from web3 import HTTPProvider, Web3

from tests.evm.chain import CHAIN_ID, Chain, require_evm
from trading.venues import chain
from trading.venues.chain import ChainUnreachable
from vanta import clock

REVERTS = "6460006000fd6000526005601bf3"  # a contract that refuses every call
LOGS = "6560006000a0006000526006601af3"  # one that writes an empty log
NUMBER = "6c63075bcd1560005260206000f3600052600d6013f3"  # one that answers 123456789, whatever it is asked
WALLET = "0x" + "11" * 20


@pytest.fixture(scope="module")
def evm() -> Iterator[Chain]:
    require_evm()
    running = Chain()
    yield running
    running.kill()


@pytest.fixture
def base(evm: Chain, settings: Settings) -> Web3:
    settings.BASE_RPC_URL = evm.url
    return Web3(HTTPProvider(evm.url))


def deployed(base: Web3, code: str) -> str:
    sent = base.eth.send_transaction({"from": base.eth.accounts[0], "data": HexStr("0x" + code)})
    address = base.eth.wait_for_transaction_receipt(sent)["contractAddress"]
    assert address is not None
    return str(address)


def called(base: Web3, address: str) -> str:
    """The hash of a mined transaction to an address."""
    to = Web3.to_checksum_address(address)
    sent = base.eth.send_transaction({"from": base.eth.accounts[0], "to": to, "gas": 100_000})
    base.eth.wait_for_transaction_receipt(sent)
    return Web3.to_hex(sent)


def test_the_newest_block_with_its_time_and_chain(base: Web3) -> None:
    newest = chain.head()
    assert (newest.chain_id, newest.number) == (CHAIN_ID, base.eth.block_number)
    assert abs((clock.now() - newest.at).total_seconds()) < 60


def test_a_transaction_that_succeeded_names_where_it_went_and_who_logged(base: Web3) -> None:
    logging = deployed(base, LOGS)
    found = chain.mined(called(base, logging))
    assert found is not None
    assert (found.succeeded, found.block_number) == (True, base.eth.block_number)
    assert found.contracts == {logging.lower()}


def test_one_that_was_reverted_says_so(base: Web3) -> None:
    found = chain.mined(called(base, deployed(base, REVERTS)))
    assert found is not None
    assert found.succeeded is False


@pytest.mark.parametrize("name", ["0x" + "ab" * 32, "0x1", "", "nonsense"])
def test_one_that_nobody_knows_is_none(base: Web3, name: str) -> None:
    assert chain.mined(name) is None


def test_balance_and_allowance_are_a_contracts_numbers(base: Web3) -> None:
    token = deployed(base, NUMBER)
    funds = chain.funds(wallet=WALLET, spender=WALLET, usdc=token)
    assert (funds.balance_usd, funds.allowance_usd) == (Decimal("123.456789"), Decimal("123.456789"))


@pytest.mark.parametrize("usdc", [REVERTS, ""], ids=["reverts", "no contract"])
def test_what_is_no_token_tells_nothing(base: Web3, usdc: str) -> None:
    with pytest.raises(ChainUnreachable):
        chain.funds(wallet=WALLET, spender=WALLET, usdc=deployed(base, usdc) if usdc else WALLET)
