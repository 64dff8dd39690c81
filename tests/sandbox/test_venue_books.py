"""The venue's books and journal: what was executed, once, with amounts; what was declined; what happened elsewhere."""

import secrets
from typing import Any

import pytest
from veranta_sdk.errors import RelayError

from tests.sandbox.conftest import Sandbox
from tests.sandbox.test_veranta_reads import with_client
from tests.sandbox.traders import (
    ETH,
    INCREASE,
    MARKET_CLOSE,
    MARKET_OPEN,
    Trader,
    books,
    declined,
    effects,
    kinds,
    opened,
)


def test_the_journal_says_all_of_an_opening(venue: Sandbox, trader: Trader) -> None:
    nonce = secrets.randbits(256)

    async def trade(client: Any) -> Any:
        signed = await trader.signed_open(client, nonce=nonce, tp="3300", sl="2900")
        return await client.engine.batched_market.execute(MARKET_OPEN, signed, None)

    outcome = with_client(venue, trade)
    (effect,) = effects(venue, trader)
    assert (effect["kind"], effect["nonceKind"], effect["nonce"]) == ("open", "intent", str(nonce))
    assert (effect["trader"], effect["signer"]) == (trader.address, trader.address)
    assert (effect["trackingId"], effect["transactionHash"]) == (outcome.tracking_id, outcome.tx_hash)
    assert (effect["orderId"], effect["price"]) == (str(outcome.order_id), outcome.terminal.data["price"])
    assert (effect["pairIndex"], effect["isLong"], effect["collateral"]) == (ETH, True, str(100 * 10**6))
    assert (effect["takeProfit"], effect["stopLoss"]) == (str(3300 * 10**10), str(2900 * 10**10))
    assert 0 < effect["blockTimestamp"] * 1000 - effect["at"] <= 2000
    assert books(venue, trader)["usedNonces"] == [str(nonce)]
    assert books(venue, trader)["balance"] == str(9900 * 10**6)


def test_a_partial_close_pays_its_share_and_leaves_the_rest(venue: Sandbox, trader: Trader) -> None:
    async def trade(client: Any) -> Any:
        await opened(client, trader)
        signed = await trader.signed_close(client, amount="40")
        outcome = await client.engine.batched_market.execute(MARKET_CLOSE, signed, None)
        (left,) = (await client.account.positions(trader.address)).positions
        assert float(left.collateral) == pytest.approx(59.55)
        return outcome.terminal.data

    told = with_client(venue, trade)
    assert (told["positionSizeUSDC"], told["t"]["initialPosToken"]) == ("40000000", "99550000")
    assert 38 < int(told["usdcSentToTrader"]) / 10**6 < 40
    assert effects(venue, trader)[-1]["collateral"] == "40000000"


def test_an_increase_blends_the_price_and_says_what_was_added(venue: Sandbox, trader: Trader) -> None:
    async def trade(client: Any) -> Any:
        position = await opened(client, trader)
        venue.post("/control/price", symbol="ETH", price=3100)
        builder = await client.local_intents()
        intent = builder.increase_position(
            trader=trader.address,
            pair_index=ETH,
            index=position.index,
            additional_collateral_usdc="100",
            leverage="10",
            open_price="3100",
        )
        outcome = await client.engine.batched_market.execute(INCREASE, trader.signed(intent), None)
        (grown,) = (await client.account.positions(trader.address)).positions
        return outcome.terminal, grown

    terminal, grown = with_client(venue, trade)
    assert (terminal.type, terminal.data["t"]["openPrice"]) == ("PositionSizeIncreased", grown.open_price_raw)
    assert int(terminal.data["coinExposureAdded"]) / 10**10 == pytest.approx(1000 / 3100, rel=0.01)
    assert float(grown.open_price) == pytest.approx(3050, rel=0.001)
    assert kinds(venue, trader) == ["open", "increase"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"leverage": "76"}, "LeverageIncorrect"),
        ({"collateral_usdc": "9.99"}, "BelowMinLevPos"),
        ({"sl": "3001"}, "WrongSl"),
        ({"tp": "2999"}, "WrongTp"),
        ({"order_type": 3}, "PnlOrderNotAllowed"),
        ({"collateral_usdc": "10001"}, "InsufficientBalance"),
    ],
)
def test_a_revert_is_an_error_and_leaves_the_nonce_unused(
    venue: Sandbox, trader: Trader, changes: dict[str, Any], code: str
) -> None:
    async def trade(client: Any) -> None:
        with pytest.raises(RelayError, match=code):
            await client.engine.batched_market.execute(MARKET_OPEN, await trader.signed_open(client, **changes), None)

    with_client(venue, trade)
    assert (effects(venue, trader), books(venue, trader)["usedNonces"]) == ([], [])


def test_what_reverted_for_want_of_money_can_still_be_executed_before_its_deadline(
    venue: Sandbox, trader: Trader
) -> None:
    venue.post("/control/venue/fund", trader=trader.address, balance="50", allowance="99")

    async def trade(client: Any) -> None:
        signed = await trader.signed_open(client)
        for funds in ({"balance": "150"}, {"allowance": "120"}):
            with pytest.raises(RelayError, match="Insufficient"):
                await client.engine.batched_market.execute(MARKET_OPEN, signed, None)
            venue.post("/control/venue/fund", trader=trader.address, **funds)
        await client.engine.batched_market.execute(MARKET_OPEN, signed, None)
        assert (await client.txb.allowance(trader.address))["allowance"] == "20000000"

    with_client(venue, trade)
    assert kinds(venue, trader) == ["open"]


def test_a_declined_fill_is_no_effect_but_is_written_down(venue: Sandbox, trader: Trader) -> None:
    async def trade(client: Any) -> None:
        with pytest.raises(RelayError, match="HighSlippage"):
            await client.engine.batched_market.execute(
                MARKET_OPEN, await trader.signed_open(client, open_price="2000"), None
            )

    with_client(venue, trade)
    assert effects(venue, trader) == []
    assert [(row["kind"], row["reason"]) for row in declined(venue, trader)] == [("canceled", "HighSlippage")]


@pytest.mark.parametrize(
    ("path", "kind", "reason"), [("close", "close", "elsewhere"), ("liquidate", "liquidation", "control")]
)
def test_a_position_can_be_closed_behind_our_back(
    venue: Sandbox, trader: Trader, path: str, kind: str, reason: str
) -> None:
    async def trade(client: Any) -> Any:
        position = await opened(client, trader)
        place = {"trader": trader.address, "pairIndex": ETH, "index": position.index}
        venue.post(f"/control/venue/{path}", **place).raise_for_status()
        assert (await client.account.positions(trader.address)).positions == []
        return await client.info.trade_history(trader.address)

    history = with_client(venue, trade)
    newest = effects(venue, trader)[-1]
    assert (newest["kind"], newest["reason"], newest["nonceKind"]) == (kind, reason, "none")
    assert history["portfolio"][0]["transactionHash"] == newest["transactionHash"]


def test_the_sdks_own_methods_trade_too(venue: Sandbox, trader: Trader) -> None:
    async def trade(client: Any) -> None:
        await client.trade.market_open("ETH/USD", "short", "100", "10")
        await client.trade.increase_position("ETH/USD", 0, "50", "10")
        (position,) = (await client.account.positions()).positions
        await client.trade.market_close("ETH/USD", position.index, position.collateral)

    with_client(venue, trade, private_key=trader.key, rpc_url=f"{venue.url}/rpc")
    assert kinds(venue, trader) == ["open", "increase", "close"]


def test_an_upside_market_takes_the_orders_of_its_kind_alone(venue: Sandbox, trader: Trader) -> None:
    async def trade(client: Any) -> None:
        upside = await trader.signed_open(client, pair_index=106, order_type=3, leverage="500", collateral_usdc="20")
        fill = await client.engine.batched_market.execute(6, upside, None)
        assert fill.terminal.data["isPnl"] is True
        with pytest.raises(RelayError, match="PnlOrderNotAllowed"):
            await client.engine.batched_market.execute(
                MARKET_OPEN, await trader.signed_open(client, pair_index=106, leverage="500"), None
            )

    with_client(venue, trade)
