"""Take-profits, stops, liquidations: set by signature, executed by the venue at the price, journalled with reasons."""

from typing import Any

import pytest
from veranta_sdk.errors import ApiError
from veranta_sdk.signing import sign_intent

from tests.sandbox.conftest import Sandbox
from tests.sandbox.test_veranta_reads import with_client
from tests.sandbox.traders import ETH, Trader, books, effects, kinds, opened


def as_trader(venue: Sandbox, trader: Trader) -> dict[str, Any]:
    return {"private_key": trader.key, "relay_poll_interval_s": 0.05}


@pytest.mark.parametrize(
    ("is_long", "price", "kind", "pays"),
    [
        (True, 3101, "take_profit", (125, 140)),
        (True, 2899, "stop_loss", (60, 67)),
        (True, 2700, "liquidation", (0, 0)),
        (False, 2799, "take_profit", (160, 170)),
        (False, 3101, "stop_loss", (60, 67)),
        (False, 3300, "liquidation", (0, 0)),
    ],
)
def test_the_venue_closes_what_the_price_has_reached(
    venue: Sandbox, trader: Trader, is_long: bool, price: int, kind: str, pays: tuple[int, int]
) -> None:
    levels = {"tp": "3100", "sl": "2900"} if is_long else {"tp": "2800", "sl": "3100"}

    async def trade(client: Any) -> Any:
        await opened(client, trader, is_long=is_long, **levels)
        venue.post("/control/price", symbol="ETH", price=price)
        assert (await client.account.positions(trader.address)).positions == []
        return await client.info.trade_history(trader.address)

    history = with_client(venue, trade)
    effect = effects(venue, trader)[-1]
    assert (effect["kind"], effect["reason"], effect["nonceKind"]) == (kind, kind, "none")
    assert pays[0] <= int(effect["paidOut"]) / 10**6 <= pays[1]
    assert history["portfolio"][0] == effect


def test_nothing_is_closed_outside_the_markets_hours(venue: Sandbox, trader: Trader) -> None:
    with_client(venue, lambda client: opened(client, trader, sl="2900"))
    venue.post("/control/hours", symbol="ETH", open=False)
    venue.post("/control/price", symbol="ETH", price=2890)
    assert kinds(venue, trader) == ["open"]
    venue.post("/control/hours", symbol="ETH", open=True)
    venue.post("/control/price", symbol="ETH", price=2891)
    assert kinds(venue, trader) == ["open", "stop_loss"]


@pytest.mark.parametrize(("what", "kind", "price"), [("tp", "take_profit", 3100), ("sl", "stop_loss", 2900)])
def test_a_trigger_can_be_pulled_at_its_own_price(
    venue: Sandbox, trader: Trader, what: str, kind: str, price: int
) -> None:
    position = with_client(venue, lambda client: opened(client, trader, tp="3100", sl="2900"))
    place = {"trader": trader.address, "pairIndex": ETH, "index": position.index}
    effect = venue.post("/control/venue/trigger", what=what, **place).json()
    assert (effect["kind"], effect["price"]) == (kind, str(price * 10**10))
    assert books(venue, trader)["positions"] == []


def test_both_levels_are_set_by_one_signature_and_shown_as_triggers(venue: Sandbox, trader: Trader) -> None:
    async def trade(client: Any) -> Any:
        await opened(client, trader)
        await client.trade.update_tp_sl("ETH/USD", 0, take_profit="3200", stop_loss="2800")
        (position,) = (await client.account.positions()).positions
        assert [(one.kind, one.final_trigger_price) for one in position.global_triggers] == [("tp", 3200), ("sl", 2800)]
        await client.trade.update_tp_sl("ETH/USD", 0, take_profit=0, stop_loss=0)
        return (await client.account.positions()).positions[0]

    position = with_client(venue, trade, **as_trader(venue, trader))
    assert (position.sl, position.tp > 10_000) == (0, True)
    assert kinds(venue, trader) == ["open", "tp_sl", "tp_sl"]


def test_the_same_signature_changes_the_levels_once(venue: Sandbox, trader: Trader) -> None:
    async def trade(client: Any) -> Any:
        await opened(client, trader)
        builder = await client.local_intents()
        intent = builder.update_tp_sl(trader=trader.address, pair_index=ETH, index=0, tp="3200", sl="2800")
        body = {"userIntent": intent.encoded_intent, "signedMessage": sign_intent(intent, trader.signer).signature}
        path = f"{venue.url}/veranta/core/price-triggers/global-tp-{trader.address}-{ETH}-0"
        return [venue.control.put(path, json=body).status_code for _ in range(2)]

    assert with_client(venue, trade) == [200, 400]
    assert kinds(venue, trader) == ["open", "tp_sl"]


@pytest.mark.parametrize(("tp", "sl"), [("2999", "0"), ("0", "3001")])
def test_levels_on_the_wrong_side_are_refused(venue: Sandbox, trader: Trader, tp: str, sl: str) -> None:
    async def trade(client: Any) -> None:
        await opened(client, trader)
        with pytest.raises(ApiError, match="Wrong"):
            await client.trade.update_tp_sl("ETH/USD", 0, take_profit=tp, stop_loss=sl)

    with_client(venue, trade, **as_trader(venue, trader))
    assert (kinds(venue, trader), len(books(venue, trader)["usedNonces"])) == (["open"], 1)


def test_a_strangers_signature_changes_no_level(venue: Sandbox, trader: Trader) -> None:
    stranger = Trader()

    async def trade(client: Any) -> None:
        await opened(client, trader)
        with pytest.raises(ApiError, match="400"):
            await client.trade.update_tp_sl("ETH/USD", 0, stop_loss="2800")

    with_client(venue, trade, private_key=stranger.key, trader_address=trader.address)
    assert kinds(venue, trader) == ["open"]


def test_a_partial_trigger_is_kept_replaced_and_canceled(venue: Sandbox, trader: Trader) -> None:
    terms = {"side": "long", "kind": "tp", "coin_exposure": "0.1"}

    async def trade(client: Any) -> None:
        await opened(client, trader)
        order = await client.trade.partial_tp_sl("ETH/USD", 0, price="3100", **terms)
        replaced = await client.trade.update_partial_tp_sl(order["entityId"], "ETH/USD", 0, price="3200", **terms)
        (position,) = (await client.account.positions()).positions
        (kept,) = position.partial_triggers
        assert (kept.entity_id, kept.kind, kept.price) == (replaced["entityId"], "partial_tp", 3200)
        await client.trade.cancel_partial_tp_sl(kept.entity_id)
        assert (await client.account.positions()).positions[0].partial_triggers == []

    with_client(venue, trade, **as_trader(venue, trader))
    assert kinds(venue, trader) == ["open", "trigger_set", "trigger_update", "trigger_cancel"]


@pytest.mark.parametrize(
    ("terms", "price", "kind"),
    [
        ({"kind": "tp", "price": "3100"}, 3101, "take_profit"),
        ({"kind": "sl", "price": "2900"}, 2899, "stop_loss"),
        ({"kind": "tp", "trigger": "percentage", "percentage": "20"}, 3061, "take_profit"),
        ({"kind": "sl", "trigger": "percentage", "percentage": "-20"}, 2939, "stop_loss"),
    ],
)
def test_a_partial_trigger_closes_its_part(
    venue: Sandbox, trader: Trader, terms: dict[str, Any], price: int, kind: str
) -> None:
    async def trade(client: Any) -> Any:
        before = await opened(client, trader)
        await client.trade.partial_tp_sl("ETH/USD", 0, side="long", coin_exposure=before.size_in_asset / 4, **terms)
        venue.post("/control/price", symbol="ETH", price=price)
        (position,) = (await client.account.positions()).positions
        return float(position.collateral / before.collateral)

    assert with_client(venue, trade, **as_trader(venue, trader)) == pytest.approx(0.75, abs=0.001)
    assert kinds(venue, trader) == ["open", "trigger_set", kind]
