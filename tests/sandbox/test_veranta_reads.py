"""The venue's unmodified SDK reads the sandbox's markets, prices, streams, candles and spreads."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, TypeVar

import pytest
from veranta_sdk import AsyncVeranta
from veranta_sdk.errors import ApiError

from tests.sandbox.conftest import Sandbox

T = TypeVar("T")
TRADER = "0x00000000000000000000000000000000000000AA"


def with_client(sandbox: Sandbox, action: Callable[[Any], Awaitable[T]], **options: Any) -> T:
    """Runs an action with a client of the SDK whose every address is the sandbox's."""

    async def run() -> T:
        urls = {name: f"{sandbox.url}/{path}" for name, path in PATHS.items()}
        async with AsyncVeranta(**urls, **options) as client:
            return await action(client)

    return asyncio.run(run())


PATHS = {
    "api_base_url": "veranta",
    "tx_builder_url": "tx-builder",
    "history_api_url": "history",
    "feed_url": "feed",
}


def test_the_snapshot_lists_fixed_fee_and_upside_markets(sandbox: Sandbox) -> None:
    snapshot = with_client(sandbox, lambda client: client.markets.snapshot())
    known = {index: snapshot.pairs[index].symbol for index in (0, 1, 2, 11, 12, 21, 78, 106)}
    assert known == {
        0: "ETH/USD",
        1: "BTC/USD",
        2: "SOL/USD",
        11: "EUR/USD",
        12: "USD/JPY",
        21: "XAU/USD",
        78: "US500/USD",
        106: "ETH_UPSIDE/USD",
    }
    assert {pair.group_index for pair in snapshot.pairs.values()} == set(range(7))
    assert snapshot.pair_count == len(snapshot.pairs) >= 30
    upside = snapshot.pair_by_symbol("USD/JPY_UPSIDE")
    assert upside.is_upside
    assert (upside.leverages.pnl_min_leverage, upside.leverages.pnl_max_leverage) == (200, 1000)
    assert upside.storage_pair_params.is_pnl_type_allowed == 1


@pytest.mark.parametrize(("name", "index"), [("eth", 0), ("ETH-USD", 0), ("BTC_UPSIDE", 107), ("USD/JPY_UPSIDE", 109)])
def test_pairs_are_found_by_name(sandbox: Sandbox, name: str, index: int) -> None:
    assert with_client(sandbox, lambda client: client.markets.pair_index(name)) == index


def test_every_market_has_a_twin_or_says_that_it_has_none(sandbox: Sandbox) -> None:
    async def twins(client: Any) -> None:
        assert (await client.markets.upside_pair_for("ETH/USD")).index == 106
        with pytest.raises(ApiError, match="no Upside market"):
            await client.markets.upside_pair_for("EUR/USD")

    with_client(sandbox, twins)


def test_a_price_is_fresh_and_the_same_for_the_upside_twin(sandbox: Sandbox) -> None:
    sandbox.post("/control/freeze", frozen=True)
    base = with_client(sandbox, lambda client: client.markets.price_update_data("ETH/USD"))
    twin = with_client(sandbox, lambda client: client.markets.price_update_data("ETH_UPSIDE/USD"))
    assert base["pro"]["price"] == twin["pro"]["price"]
    assert abs(time.time() * 1000 - base["pro"]["publishTimestampMs"]) < 2000
    assert 1500 < base["pro"]["price"] < 6000


def test_prices_move_together_and_can_be_set(sandbox: Sandbox) -> None:
    sandbox.post("/control/price", symbol="eth", price=3333)
    sandbox.post("/control/freeze", frozen=True)
    price = with_client(sandbox, lambda client: client.markets.price("ETH/USD"))
    assert price == pytest.approx(3333, rel=0.002)


def test_the_stream_pushes_several_prices_a_second(sandbox: Sandbox) -> None:
    async def follow(client: Any) -> list[Any]:
        taken: list[Any] = []
        stream = client.lazer_price_stream([2, 1, 340])

        def take(update: Any) -> None:
            taken.append(update)
            if len(taken) >= 15:
                stream.stop()

        await asyncio.wait_for(stream.run(take), 15)
        return taken

    taken = with_client(sandbox, follow)
    assert {update.feed_id for update in taken} == {2, 1, 340}
    eth = [update for update in taken if update.feed_id == 2]
    assert eth == sorted(eth, key=lambda update: update.timestamp_ms)
    assert eth[-1].timestamp_ms - eth[0].timestamp_ms < 3000
    for update in eth:
        raw = Decimal(update.raw["price"]).scaleb(update.raw["exponent"])
        assert update.best_bid < float(raw) < update.best_ask


@pytest.mark.parametrize(("resolution", "seconds"), [("1", 60), ("60", 3600), ("1D", 86400)])
def test_candles_are_whole_and_end_at_the_present_price(sandbox: Sandbox, resolution: str, seconds: int) -> None:
    sandbox.post("/control/freeze", frozen=True)
    now = int(time.time())

    async def ask(client: Any) -> tuple[Any, float]:
        candles = await client.markets.candles("ETH/USD", resolution, now // seconds * seconds - 39 * seconds, now)
        return candles, await client.markets.price("ETH/USD")

    candles, price = with_client(sandbox, ask)
    assert candles["s"] == "ok"
    assert [later - earlier for earlier, later in zip(candles["t"], candles["t"][1:], strict=False)] == [seconds] * 39
    assert candles["c"][-1] == pytest.approx(price, rel=1e-6)
    for opened, high, low, close in zip(candles["o"], candles["h"], candles["l"], candles["c"], strict=True):
        assert low <= min(opened, close) <= max(opened, close) <= high


def test_a_spread_grows_with_the_size(sandbox: Sandbox) -> None:
    async def ask(client: Any) -> tuple[float, float]:
        small = await client.markets.spread("ETH/USD", is_long=True, collateral=100, leverage=10)
        large = await client.markets.spread("ETH/USD", is_long=True, collateral=100_000, leverage=50)
        return small["spreadPct"], large["spreadPct"]

    small, large = with_client(sandbox, ask)
    assert 0.01 <= small < 0.011 < large


def test_a_closed_market_has_no_spread_and_says_when_it_opens(sandbox: Sandbox) -> None:
    sandbox.post("/control/hours", symbol="EUR/USD", open=False)
    try:

        async def ask(client: Any) -> Any:
            with pytest.raises(ApiError, match="403"):
                await client.markets.spread("EUR/USD", is_long=True, collateral=100, leverage=10)
            return await client.markets.pair("EUR/USD")

        pair = with_client(sandbox, ask)
        assert not pair.is_market_open
        assert pair.feed.attributes.next_open > time.time()
    finally:
        sandbox.post("/control/hours", symbol="EUR/USD", open=True)


def test_an_unknown_trader_has_nothing_open(sandbox: Sandbox) -> None:
    async def ask(client: Any) -> tuple[Any, Any, Decimal]:
        account = client.account
        return await account.positions(TRADER), await account.delegation_status(TRADER), await account.usdc_balance()

    positions, delegation, balance = with_client(sandbox, ask, trader_address=TRADER)
    assert (positions.positions, positions.limit_orders) == ([], [])
    assert delegation == {"isEnabled": False, "expiry": 0, "canDelegatedAction": False, "canSignIntents": False}
    assert balance == 10_000
