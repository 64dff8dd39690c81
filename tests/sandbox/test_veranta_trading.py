"""A market order through the SDK's own signing and execution: filled once, whatever is sent again."""

import json
import secrets
from typing import Any

import pytest
from eth_account import Account
from veranta_sdk.errors import ApiError, RelayError

from tests.sandbox.conftest import Sandbox
from tests.sandbox.test_veranta_reads import with_client
from tests.sandbox.traders import MARKET_CLOSE, MARKET_OPEN, Trader, effects


def test_an_open_and_a_close_are_filled_and_told_event_by_event(sandbox: Sandbox, trader: Trader) -> None:
    async def trade(client: Any) -> None:
        seen: list[str] = []
        execute = client.engine.batched_market.execute
        outcome = await execute(
            MARKET_OPEN, await trader.signed_open(client), None, on_event=lambda e: seen.append(e.type)
        )
        assert seen == ["MarketOrderAccepted", "MarketOrderInitiated", "MarketOrderExecuted"]
        assert outcome.tx_hash.startswith("0x")
        (position,) = (await client.account.positions(trader.address)).positions
        assert (position.side, position.leverage, position.collateral) == ("long", 10, position.collateral)
        assert float(position.collateral) == pytest.approx(99.55)
        builder = await client.local_intents()
        intent = builder.close_trade(
            trader=trader.address,
            pair_index=0,
            index=position.index,
            open_timestamp=position.opened_at,
            amount_usdc=position.collateral,
            wanted_price="3000",
        )
        closed = await execute(MARKET_CLOSE, trader.signed(intent), None)
        assert 95 < int(closed.terminal.data["usdcSentToTrader"]) / 10**6 < 105
        assert (await client.account.positions(trader.address)).positions == []

    with_client(sandbox, trade)
    assert [entry["kind"] for entry in effects(sandbox, trader)] == ["open", "close"]


def test_the_same_bytes_twice_are_executed_once(sandbox: Sandbox, trader: Trader) -> None:
    async def send_twice(client: Any) -> None:
        signed = await trader.signed_open(client)
        first = await client.engine.batched_market.execute(MARKET_OPEN, signed, None)
        with pytest.raises(RelayError, match="ATTEMPTS_EXHAUSTED"):
            await client.engine.batched_market.execute(MARKET_OPEN, signed, None)
        replayed = await client.engine.batched_market.status(first.tracking_id)
        assert [(event.seq, event.type) for event in replayed][-1] == (2, "MarketOrderExecuted")

    with_client(sandbox, send_twice)
    assert len(effects(sandbox, trader)) == 1


def test_an_order_whose_answer_was_cut_off_is_executed_all_the_same(sandbox: Sandbox, trader: Trader) -> None:
    sandbox.post("/control/faults", service="batched-market", kind="drop", when="after", count=1)

    async def lose_the_answer(client: Any) -> None:
        with pytest.raises(ApiError):
            await client.engine.batched_market.execute(MARKET_OPEN, await trader.signed_open(client), None)

    with_client(sandbox, lose_the_answer)
    assert len(effects(sandbox, trader)) == 1


def test_an_order_whose_events_are_torn_is_executed_all_the_same(sandbox: Sandbox, trader: Trader) -> None:
    sandbox.post("/control/faults", service="batched-market", kind="truncated", count=1)

    async def read_the_torn(client: Any) -> str:
        body = {"orderType": MARKET_OPEN, "erc712": await trader.signed_open(client)}
        return sandbox.post("/veranta/batched-market/market/execute-batched", **body).text

    lines = with_client(sandbox, read_the_torn).splitlines()
    assert [line for line in lines if line.startswith("event: ")][-1] == "event: MarketOrderExecuted"
    for line in lines:
        if line.startswith("data: "):
            with pytest.raises(ValueError):
                json.loads(line.removeprefix("data: "))
    assert len(effects(sandbox, trader)) == 1


def test_a_price_too_far_from_the_wanted_one_is_canceled_and_uses_the_nonce(sandbox: Sandbox, trader: Trader) -> None:
    nonce = secrets.randbits(256)

    async def want_too_much(client: Any) -> None:
        signed = await trader.signed_open(client, open_price="2000", nonce=nonce)
        with pytest.raises(RelayError, match="HighSlippage"):
            await client.engine.batched_market.execute(MARKET_OPEN, signed, None)
        assert (await client.txb.nonce(trader.address, nonce))["used"] is True
        assert (await client.txb.nonce(trader.address, nonce + 1))["used"] is False

    with_client(sandbox, want_too_much)
    assert effects(sandbox, trader) == []


def test_only_the_trader_and_its_delegates_may_sign(sandbox: Sandbox, trader: Trader) -> None:
    other = Account.create().address

    async def sign_for_another(client: Any) -> None:
        signed = await trader.signed_open(client, trader=other)
        with pytest.raises(ApiError) as raised:
            await client.engine.batched_market.execute(MARKET_OPEN, signed, None)
        assert raised.value.status == 400
        sandbox.post("/control/venue/delegate", trader=other, delegate=trader.address)
        assert (await client.txb.delegation(other, trader.address))["canSignIntents"] is True
        await client.engine.batched_market.execute(MARKET_OPEN, signed, None)

    with_client(sandbox, sign_for_another)


@pytest.mark.parametrize(
    "signed", [{"userIntent": "0x00", "userSignature": "0x"}, {"userIntent": "zz", "userSignature": 7}]
)
def test_bytes_that_are_no_intent_are_refused(sandbox: Sandbox, signed: dict[str, Any]) -> None:
    refused = sandbox.post("/veranta/batched-market/market/execute-batched", orderType=0, erc712=signed)
    assert (refused.status_code, refused.json()["statusCode"]) == (400, 400)


def test_the_builder_of_the_venue_makes_the_digest_that_the_sdk_signs(sandbox: Sandbox, trader: Trader) -> None:
    async def build(client: Any) -> None:
        asked = {"trader": trader.address, "pairIndex": 0, "collateralUsdc": 100, "leverage": 10, "side": "long"}
        intent = await client.txb.intent("/v2/intents/open", **asked)
        await client.engine.batched_market.execute(MARKET_OPEN, trader.signed(intent), None)

    with_client(sandbox, build)
    assert len(effects(sandbox, trader)) == 1
