"""What a sandbox lists: the catalogue, and with --markets as many invented markets as a soak needs."""

from collections.abc import Iterator
from typing import Any

import pytest
from veranta_sdk.errors import ApiError

from tests.sandbox.conftest import Sandbox, started
from tests.sandbox.stream_reader import StreamReader, prices_in
from tests.sandbox.test_veranta_reads import with_client
from vanta.sandbox.__main__ import main
from vanta.sandbox.catalogue import BASE_PAIRS, UPSIDE_PAIRS
from vanta.sandbox.markets import FEWEST, MOST, list_markets

MARKETS = 112


@pytest.fixture(scope="module")
def wide() -> Iterator[Sandbox]:
    with started("--markets", str(MARKETS)) as sandbox:
        yield sandbox


def pairs_of(sandbox: Sandbox) -> list[dict[str, Any]]:
    return list(sandbox.get("/veranta/data/v2/trading").json()["pairInfos"].values())


@pytest.mark.parametrize("count", [None, FEWEST, FEWEST + 1, MARKETS, MOST])
def test_indexes_symbols_and_feeds_are_unique(count: int | None) -> None:
    listing = list_markets(count)
    assert len(listing.bases) == (count or len(BASE_PAIRS))
    assert len({spec.index for spec in listing.pairs}) == len({spec.symbol for spec in listing.pairs})
    assert len(listing.by_index) == len(listing.pairs) == len(listing.bases) + len(UPSIDE_PAIRS)
    assert len(listing.by_lazer_id) == len(listing.bases)


def test_an_invented_market_is_a_sensible_one() -> None:
    invented = list_markets(MARKETS).bases[FEWEST:]
    assert [spec.symbol for spec in invented[:2]] == ["ALT031/USD", "ALT032/USD"]
    assert {spec.coingecko_id for spec in invented} == {None}
    assert {spec.group_facts.asset_type for spec in invented} == {"crypto"}
    for spec in invented:
        assert 0.05 <= spec.start_price <= 500
        assert 0.5 < spec.yearly_volatility < 1.5
        assert spec.max_leverage in {10, 20}
        assert not spec.is_upside


@pytest.mark.parametrize("count", [0, FEWEST - 1, MOST + 1])
def test_a_listing_is_neither_smaller_than_the_catalogue_nor_endless(
    count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError, match="markets"):
        list_markets(count)
    with pytest.raises(SystemExit):
        main(["--markets", str(count)])
    assert "--markets" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        *(("eth", "ETH/USD"), ("jpy", "USD/JPY"), ("Crypto.BTC/USD", "BTC/USD"), ("xau_upside", "XAU_UPSIDE/USD")),
        *(("Equity.US.US500/USD", "US500/USD"), ("ALT112-USD", "ALT112/USD")),
    ],
)
def test_pairs_are_found_by_any_usual_name(text: str, symbol: str) -> None:
    found = list_markets(MARKETS).find(text)
    assert found is not None
    assert found.symbol == symbol


def test_a_sandbox_lists_the_catalogue_unless_it_is_asked_for_more(sandbox: Sandbox, wide: Sandbox) -> None:
    assert len(pairs_of(sandbox)) == FEWEST + len(UPSIDE_PAIRS)
    assert len(pairs_of(wide)) == MARKETS + len(UPSIDE_PAIRS)
    feeds = {pair["lazerFeed"]["feedId"] for pair in pairs_of(wide)}
    assert len(feeds) == MARKETS


def test_the_sdk_reads_an_invented_market_and_finds_no_twin_of_it(wide: Sandbox) -> None:
    async def read(client: Any) -> Any:
        with pytest.raises(ApiError, match="no Upside market"):
            await client.markets.upside_pair_for("ALT112/USD")
        return await client.markets.pair("ALT112/USD"), await client.markets.price("ALT112/USD")

    pair, price = with_client(wide, read)
    assert (pair.index, pair.is_upside, pair.feed.attributes.symbol) == (312, False, "Crypto.ALT112/USD")
    assert price > 0


def test_every_listed_pair_has_a_price(wide: Sandbox) -> None:
    for pair in pairs_of(wide):
        told = wide.get(f"/feed/v2/pairs/{pair['index']}/price-update-data").raise_for_status().json()
        assert told["pro"]["price"] > 0


def test_one_stream_carries_every_market(wide: Sandbox) -> None:
    feeds = {pair["lazerFeed"]["feedId"] for pair in pairs_of(wide)}
    with StreamReader(wide.url, *feeds) as stream:
        (frame,) = stream.wait_for_frames(1)
    assert set(prices_in(frame)) == feeds
    assert all(price > 0 for price in prices_in(frame).values())


def test_an_invented_market_has_a_spread_and_takes_a_price(wide: Sandbox) -> None:
    index = next(pair["index"] for pair in pairs_of(wide) if pair["from"] == "ALT031")
    asked = {"pairIndex": index, "coinSize10": str(10**10), "isLong": True, "isOpen": True}
    assert int(wide.post("/veranta/risk/v2/spread", **asked).raise_for_status().json()["spreadPctWithoutFlow10"]) > 0
    assert wide.post("/control/price", symbol="alt031", price=7).json() == {"symbol": "ALT031/USD", "price": 7}
    assert wide.get(f"/feed/v2/pairs/{index}/price-update-data").json()["pro"]["price"] == pytest.approx(7, rel=0.01)
