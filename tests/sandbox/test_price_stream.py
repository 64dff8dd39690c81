"""The feed's price stream: it says what the pull says, as often as it was told to, at little cost."""

import time
from decimal import Decimal

import psutil
import pytest

from tests.sandbox.conftest import Sandbox, started
from tests.sandbox.stream_reader import StreamReader, prices_in
from vanta.sandbox.veranta.stream import Updates
from vanta.sandbox.world import Settings, World, new_world

ETH, BTC, JPY, US500, PEPE = 2, 1, 340, 1398, 4
PRICE = "/feed/v2/pairs/{}/price-update-data"
INDEXES = {ETH: 0, BTC: 1, JPY: 12, US500: 78, PEPE: 23}


@pytest.fixture
def world() -> World:
    return new_world(Settings())


def test_the_stream_and_the_pull_agree_to_the_last_digit(sandbox: Sandbox) -> None:
    sandbox.post("/control/freeze", frozen=True)
    pulled = {feed: sandbox.get(PRICE.format(index)).text for feed, index in INDEXES.items()}
    with StreamReader(sandbox.url, *INDEXES) as stream:
        streamed = prices_in(stream.wait_for_frames(1)[0])
    assert set(streamed) == set(INDEXES)
    for feed, text in pulled.items():
        told = text.partition('"pro":{"price":')[2].partition(",")[0]
        assert streamed[feed] == Decimal(told)


@pytest.mark.parametrize("prefix", ["/feed", "/veranta/feed"])
def test_unknown_feeds_are_left_out(sandbox: Sandbox, prefix: str) -> None:
    with StreamReader(sandbox.url, ETH, 999_999, prefix=prefix) as stream:
        assert set(prices_in(stream.wait_for_frames(1)[0])) == {ETH}


def test_an_update_is_encoded_once_for_all_listeners_until_a_price_moves(world: World) -> None:
    updates, specs = Updates(world), world.listing.bases
    first = updates.of(specs)
    assert updates.of(specs) is first
    assert updates.of(specs[:2]) is not first
    world.market.advance(world.market.as_of_s + 1)
    moved = updates.of(specs)
    assert moved is not first
    world.market.set_price("ETH/USD", 4000, world.market.as_of_s)
    assert updates.of(specs) is not moved


def test_the_period_of_the_stream_is_an_option() -> None:
    with started("--stream-period", "0.5") as sandbox, StreamReader(sandbox.url, ETH) as stream:
        frames = stream.wait_for_frames(5)
    first_us, last_us = (int(frames[place]["timestampUs"]) for place in (0, -1))
    assert (last_us - first_us) / 4 >= 450_000


def test_a_hundred_markets_and_a_listener_cost_less_than_a_seventh_of_a_core() -> None:
    with started("--markets", "112") as sandbox:
        feeds = {
            pair["lazerFeed"]["feedId"] for pair in sandbox.get("/veranta/data/v2/trading").json()["pairInfos"].values()
        }
        process = psutil.Process(sandbox.pid)
        with StreamReader(sandbox.url, *feeds) as stream:
            stream.wait_for_frames(1)
            before, began = process.cpu_times(), time.monotonic()
            assert len(prices_in(stream.wait_for_frames(15)[-1])) == 112
            after, took_s = process.cpu_times(), time.monotonic() - began
    assert (after.user + after.system - before.user - before.system) / took_s < 1 / 7
