"""Answers that say something else than the truth, in a form that is right: what a careful client must notice."""

from typing import Any

import pytest
from veranta_sdk.errors import DigestMismatchError
from veranta_sdk.signing import sign_intent

from tests.sandbox.conftest import Sandbox
from tests.sandbox.test_veranta_reads import with_client
from tests.sandbox.traders import ETH, MARKET_OPEN, Trader, effects, inject, opened
from vanta.sandbox.veranta.abi import decode_call

LONG_10X = {"pairIndex": ETH, "side": "long", "collateralUsdc": "100", "leverage": "10", "openPrice": "3000"}
SHORT_75X = {"_t.buy": False, "_t.leverage": str(75 * 10**10)}


async def built(client: Any, trader: Trader) -> Any:
    return await client.txb.intent("/v2/intents/open", trader=trader.address, **LONG_10X)


def test_a_tampered_message_gets_the_sdk_to_sign_another_order(venue: Sandbox, trader: Trader) -> None:
    inject(venue, "tamper", "tx-builder", match="intents/open", what="message", set=SHORT_75X)

    async def trade(client: Any) -> None:
        intent = await built(client, trader)
        assert (intent.message["_t"]["buy"], intent.message["_t"]["leverage"]) == (False, str(75 * 10**10))
        await client.engine.batched_market.execute(MARKET_OPEN, trader.signed(intent), None)

    with_client(venue, trade)
    (effect,) = effects(venue, trader)
    assert (effect["isLong"], effect["leverage"]) == (False, str(75 * 10**10))


def test_a_tampered_digest_does_not_get_past_the_sdk(venue: Sandbox, trader: Trader) -> None:
    inject(venue, "tamper", "tx-builder", what="digest")

    async def trade(client: Any) -> None:
        with pytest.raises(DigestMismatchError):
            sign_intent(await built(client, trader), trader.signer)

    with_client(venue, trade)


def test_tampered_bytes_differ_from_the_message_that_is_signed(venue: Sandbox, trader: Trader) -> None:
    inject(venue, "tamper", "tx-builder", what="encodedIntent", set=SHORT_75X)

    async def trade(client: Any) -> None:
        intent = await built(client, trader)
        assert intent.message["_t"]["buy"] is True
        assert f"{75 * 10**10:x}" in intent.encoded_intent
        body = {"orderType": MARKET_OPEN, "erc712": trader.signed(intent)}
        assert venue.post("/veranta/batched-market/market/execute-batched", **body).status_code == 400

    with_client(venue, trade)
    assert effects(venue, trader) == []


def test_tampered_calldata_asks_for_something_else(venue: Sandbox, trader: Trader) -> None:
    changes = {"trade.openPrice": str(1 * 10**10), "trade.trader": "0x00000000000000000000000000000000000000AA"}
    inject(venue, "tamper", "tx-builder", what="calldata", set=changes)

    async def build(client: Any) -> Any:
        return await client.txb.calldata("/v2/trade/open", trader=trader.address, **LONG_10X)

    name, arguments = decode_call(bytes.fromhex(with_client(venue, build).data[2:]))
    assert (name, arguments["trade"]["openPrice"]) == ("openTrade", 10**10)
    assert arguments["trade"]["trader"].endswith("aa")


def test_a_tampered_fill_says_so_in_stream_and_replay_and_not_in_the_journal(venue: Sandbox, trader: Trader) -> None:
    changes = {"price": "1", "t.buy": False, "t.leverage": "5", "nothing.there": 1}
    inject(venue, "tamper", event="MarketOrderExecuted", set=changes, count=2)

    async def trade(client: Any) -> Any:
        signed = await trader.signed_open(client)
        outcome = await client.engine.batched_market.execute(MARKET_OPEN, signed, None)
        replayed = await client.engine.batched_market.status(outcome.tracking_id)
        assert replayed[-1].data == outcome.terminal.data
        assert replayed[1].data["orderId"] == outcome.terminal.data["orderId"]
        return outcome.terminal.data

    told = with_client(venue, trade)
    assert (told["price"], told["t"]["buy"], told["t"]["leverage"], "nothing" in told) == ("1", False, "5", False)
    (effect,) = effects(venue, trader)
    assert (effect["isLong"], int(effect["price"]) > 2999 * 10**10) == (True, True)


def test_anothers_position_can_stand_among_the_traders_own(venue: Sandbox, trader: Trader) -> None:
    other = Trader().address

    async def trade(client: Any) -> Any:
        await opened(client, trader)
        inject(venue, "tamper", "core", match="user-data", set={"positions.*.trader": other})
        tampered, true = [(await client.account.positions(trader.address)).positions[0] for _ in range(2)]
        return tampered.trader, true.trader

    assert with_client(venue, trade) == (other, trader.address)


def test_a_delegation_can_be_told_that_is_none(venue: Sandbox, trader: Trader) -> None:
    changes = {"data.canSignIntents": True, "data.isEnabled": True, "data.expiry": 9_999_999_999}
    inject(venue, "tamper", "tx-builder", match="delegation", set=changes)

    async def ask(client: Any) -> tuple[Any, Any]:
        first = await client.txb.delegation(trader.address, trader.address)
        return first, await client.txb.delegation(trader.address, trader.address)

    tampered, true = with_client(venue, ask)
    assert (tampered["canSignIntents"], tampered["expiry"], true["canSignIntents"]) == (True, 9_999_999_999, False)
