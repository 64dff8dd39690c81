"""Relayed batches do what they carry, once: delegations, limit orders, margin, approvals."""

import time
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_account import Account
from eth_utils.crypto import keccak
from veranta_sdk.eip7702 import Call
from veranta_sdk.errors import ConfigError, RelayError
from veranta_sdk.signing import LocalSigner, sign_intent

from tests.sandbox.conftest import Sandbox
from tests.sandbox.test_veranta_reads import with_client
from tests.sandbox.traders import ETH, Trader, books, declined, effects, inject, kinds, opened
from tests.waiting import wait_until


@pytest.fixture
def owner(venue: Sandbox, trader: Trader) -> Trader:
    """Whose delegate the trader's key is."""
    owner = Trader()
    venue.post("/control/venue/delegate", trader=owner.address, delegate=trader.address)
    return owner


def as_delegate(venue: Sandbox, owner: Trader, trader: Trader) -> dict[str, Any]:
    return {"private_key": trader.key, "trader_address": owner.address, "relay_poll_interval_s": 0.05}


async def registration(client: Any, owner: Trader, delegate: str, **changes: Any) -> Any:
    """The call of setDelegateWithSig with the owner's signed DelegateReq, as register_delegate would send it."""
    builder = await client.local_intents()
    wanted = {"trader": owner.address, "delegate": delegate, "expiry_seconds": int(time.time()) + 3600}
    intent = builder.delegate_req(**{**wanted, **changes})
    signature = sign_intent(intent, LocalSigner(owner.key)).signature
    data = _set_delegate(signature, intent.encoded_intent)
    return Call.from_hex(await client.engine.trading_router(), data)


def _set_delegate(signature: str, encoded: str) -> str:
    raw = [bytes.fromhex(text[2:]) for text in (signature, encoded)]
    return "0x" + (keccak(text="setDelegateWithSig(bytes,bytes)")[:4] + encode(["bytes", "bytes"], raw)).hex()


async def relayed(client: Any, call: Any, nonce: int) -> Any:
    """Sends a batch under a chosen nonce and waits for its end; returns what was sent."""
    encoder = await client.engine.encoder()
    sent = encoder.build_type4([call], gas=2_000_000, account_nonce=0, exec_nonce=nonce << 64)
    await client.engine.relayer.wait(await client.engine.relayer.create(sent))
    return sent


def test_a_delegate_is_registered_by_the_owners_signature_alone(venue: Sandbox, trader: Trader) -> None:
    owner = Trader()

    async def register(client: Any) -> None:
        await relayed(client, await registration(client, owner, trader.address), 1)
        status = await client.account.delegation_status(trader.address)
        assert (status["isEnabled"], status["canSignIntents"], status["canDelegatedAction"]) == (True, True, True)
        assert status["expiry"] == pytest.approx(time.time() + 3600, abs=30)

    with_client(venue, register, **as_delegate(venue, owner, trader))
    (effect,) = effects(venue, owner)
    assert (effect["kind"], effect["signer"], effect["detail"]["delegate"]) == (
        "delegate_set",
        owner.address,
        trader.address,
    )
    assert list(books(venue, trader)["execNonces"].values()) == [1]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"expiry_seconds": 1}, "InvalidExpiry"),
        ({"deadline_ms": 1}, "DeadlinePassed"),
        ({"trader": "0x00000000000000000000000000000000000000AA"}, "InvalidSignature"),
    ],
)
def test_a_registration_that_is_wrong_reverts(
    venue: Sandbox, trader: Trader, changes: dict[str, Any], reason: str
) -> None:
    async def register(client: Any) -> None:
        with pytest.raises(RelayError, match="reverted"):
            await relayed(client, await registration(client, Trader(), trader.address, **changes), 1)

    with_client(venue, register, **as_delegate(venue, Trader(), trader))
    assert [row["reason"] for row in declined(venue, trader)] == [reason]
    assert books(venue, trader)["execNonces"] == {}


def test_the_same_batch_twice_has_one_effect_and_the_second_reverts(
    venue: Sandbox, trader: Trader, owner: Trader
) -> None:
    async def place(client: Any) -> None:
        calldata = await client.txb.calldata("/v2/trade/open", **limit(owner, trader))
        sent = await relayed(client, Call.from_hex(calldata.to, calldata.data), 7)
        with pytest.raises(RelayError, match="reverted"):
            await client.engine.relayer.wait(await client.engine.relayer.create(sent))

    with_client(venue, place, **as_delegate(venue, owner, trader))
    assert kinds(venue, owner) == ["delegate_set", "limit_place"]
    (effect,) = effects(venue, owner)[1:]
    assert (effect["nonce"], effect["nonceKind"], effect["signer"]) == (str(7 << 64), "exec", trader.address)
    assert [row["kind"] for row in declined(venue, trader)] == ["reverted"]


def limit(owner: Trader, trader: Trader, **changes: Any) -> dict[str, Any]:
    wanted = {"trader": owner.address, "delegate": trader.address, "pairIndex": ETH, "side": "long"}
    wanted |= {"orderType": "limit", "collateralUsdc": "100", "leverage": "10", "openPrice": "2900"}
    return {**wanted, **changes}


def test_a_limit_order_rests_is_changed_and_fills_when_the_price_is_there(
    venue: Sandbox, trader: Trader, owner: Trader
) -> None:
    async def trade(client: Any) -> None:
        await client.trade.limit_open("ETH/USD", "long", "100", "10", "2900", stop_loss="2800")
        (order,) = (await client.account.positions()).limit_orders
        assert (order.price, order.collateral, order.leverage) == (2900, 100, 10)
        await client.trade.update_limit_order("ETH/USD", order.index, price="2950", stop_loss="2850")
        venue.post("/control/price", symbol="ETH", price=2951)
        assert (await client.account.positions()).positions == []
        venue.post("/control/price", symbol="ETH", price=2949)
        (position,) = (await client.account.positions()).positions
        assert float(position.open_price) == pytest.approx(2949, rel=0.001)
        assert position.sl == 2850
        assert (await client.account.positions()).limit_orders == []

    with_client(venue, trade, **as_delegate(venue, owner, trader))
    assert kinds(venue, owner)[1:] == ["limit_place", "limit_update", "limit_fill"]
    placed, _, filled = effects(venue, owner)[1:]
    assert (filled["reason"], filled["orderId"]) == ("limit", placed["orderId"])


def test_a_stop_limit_waits_for_the_other_side(venue: Sandbox, trader: Trader, owner: Trader) -> None:
    async def trade(client: Any) -> None:
        await client.trade.limit_open("ETH/USD", "long", "100", "10", "3050", stop=True)
        assert len((await client.account.positions()).limit_orders) == 1
        venue.post("/control/price", symbol="ETH", price=3051)
        assert len((await client.account.positions()).positions) == 1

    with_client(venue, trade, **as_delegate(venue, owner, trader))


def test_a_canceled_limit_order_pays_its_collateral_back(venue: Sandbox, trader: Trader, owner: Trader) -> None:
    async def trade(client: Any) -> None:
        await client.trade.limit_open("ETH/USD", "short", "100", "10", "3100")
        assert books(venue, owner)["balance"] == str(9900 * 10**6)
        await client.trade.cancel_limit_order("ETH/USD", 0)
        venue.post("/control/price", symbol="ETH", price=3200)
        assert (await client.account.positions()).positions == []
        with pytest.raises(RelayError, match="reverted"):
            await client.trade.cancel_limit_order("ETH/USD", 0)

    with_client(venue, trade, **as_delegate(venue, owner, trader))
    assert kinds(venue, owner)[1:] == ["limit_place", "limit_cancel"]
    assert books(venue, owner)["balance"] == str(10_000 * 10**6)


def test_margin_changes_the_leverage_and_not_the_size(venue: Sandbox, trader: Trader) -> None:
    async def trade(client: Any) -> None:
        before = await opened(client, trader)
        await client.trade.update_margin("ETH/USD", before.index, "deposit", "100")
        (deeper,) = (await client.account.positions()).positions
        assert float(deeper.position_size) == pytest.approx(float(before.position_size), abs=0.001)
        assert deeper.liquidation_price_raw < before.liquidation_price_raw
        await client.trade.update_margin("ETH/USD", before.index, "withdraw", "50")
        with pytest.raises(RelayError, match="reverted"):
            await client.trade.update_margin("ETH/USD", before.index, "withdraw", "145")

    with_client(venue, trade, private_key=trader.key, rpc_url=f"{venue.url}/rpc", relay_poll_interval_s=0.05)
    assert kinds(venue, trader) == ["open", "margin_deposit", "margin_withdraw"]
    assert books(venue, trader)["balance"] == str(9850 * 10**6)


def test_a_delegate_can_do_nothing_of_the_owners_alone(venue: Sandbox, trader: Trader, owner: Trader) -> None:
    async def try_all(client: Any) -> None:
        with pytest.raises(ConfigError):
            await client.account.approve_usdc("5")
        removal = await client.txb.calldata("/v2/delegate/remove", trader=owner.address, delegate=trader.address)
        with pytest.raises(RelayError, match="reverted"):
            await relayed(client, Call.from_hex(removal.to, removal.data), 3)

    with_client(venue, try_all, **as_delegate(venue, owner, trader))
    assert list(books(venue, owner)["delegates"]) == [trader.address.lower()]


def test_a_stranger_or_an_expired_delegate_moves_nothing(venue: Sandbox, trader: Trader, owner: Trader) -> None:
    venue.post("/control/clock", offset_s=90_000)

    async def place(client: Any) -> None:
        with pytest.raises(RelayError, match="reverted"):
            await client.trade.limit_open("ETH/USD", "long", "100", "10", "2900")
        assert (await client.account.delegation_status())["isEnabled"] is False

    with_client(venue, place, **as_delegate(venue, owner, trader))
    assert [row["reason"] for row in declined(venue, trader)] == ["NotDelegate"]


def test_a_stale_authorisation_succeeds_and_does_nothing(venue: Sandbox, trader: Trader, owner: Trader) -> None:
    async def place(client: Any) -> None:
        calldata = await client.txb.calldata("/v2/trade/open", **limit(owner, trader))
        encoder = await client.engine.encoder()
        call = Call.from_hex(calldata.to, calldata.data)
        sent = encoder.build_type4([call], gas=2_000_000, account_nonce=5, exec_nonce=9 << 64)
        status = await client.engine.relayer.wait(await client.engine.relayer.create(sent))
        assert status.success is True

    with_client(venue, place, **as_delegate(venue, owner, trader))
    assert (kinds(venue, owner), books(venue, trader)["execNonces"]) == (["delegate_set"], {})


@pytest.mark.parametrize(("kind", "raised"), [("relay_timeout", "timed out"), ("forget_tracking", "unknown relay")])
def test_a_relay_may_be_executed_whatever_was_told(
    venue: Sandbox, trader: Trader, owner: Trader, kind: str, raised: str
) -> None:
    inject(venue, kind, "blitz")

    async def place(client: Any) -> None:
        with pytest.raises(RelayError, match=raised):
            await client.trade.limit_open("ETH/USD", "long", "100", "10", "2900")

    with_client(venue, place, **as_delegate(venue, owner, trader))
    wait_until(lambda: kinds(venue, owner)[1:] == ["limit_place"], 5, "the order rests")


def test_a_wallets_own_transaction_approves_and_revokes(venue: Sandbox, trader: Trader) -> None:
    venue.post("/control/venue/delegate", trader=trader.address, delegate=Account.create().address)
    (delegate,) = books(venue, trader)["delegates"]

    async def send(client: Any) -> None:
        await client.account.approve_usdc("250")
        assert (await client.account.allowance())["allowanceUsdc"] == 250
        await client.account.revoke_delegate(delegate)

    direct = {"private_key": trader.key, "rpc_url": f"{venue.url}/rpc", "execution": "direct"}
    with_client(venue, send, **direct)
    assert kinds(venue, trader) == ["delegate_set", "approve", "delegate_remove"]
    told = books(venue, trader)
    assert (told["allowance"], told["accountNonce"], told["delegates"]) == (str(250 * 10**6), 2, {})
