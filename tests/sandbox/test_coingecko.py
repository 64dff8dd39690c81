"""CoinGecko's endpoint: its shape, and data that is as old as its timestamp says."""

import time

import pytest

from tests.sandbox.conftest import Sandbox

PATH = "/coingecko/api/v3/simple/price"


def ask(sandbox: Sandbox, ids: str) -> dict[str, dict[str, float]]:
    told = sandbox.get(PATH, ids=ids, vs_currencies="usd", include_last_updated_at="true")
    prices: dict[str, dict[str, float]] = told.raise_for_status().json()
    return prices


def test_known_coins_are_priced_and_unknown_ones_left_out(sandbox: Sandbox) -> None:
    prices = ask(sandbox, "ethereum,bitcoin,no-such-coin")
    assert set(prices) == {"ethereum", "bitcoin"}
    assert set(prices["ethereum"]) == {"usd", "last_updated_at"}


def test_a_price_is_twenty_to_sixty_seconds_old(sandbox: Sandbox) -> None:
    age_s = time.time() - ask(sandbox, "ethereum")["ethereum"]["last_updated_at"]
    assert 19 <= age_s <= 62


def test_a_jump_of_the_market_is_not_seen_at_once(sandbox: Sandbox) -> None:
    before = ask(sandbox, "solana")["solana"]["usd"]
    sandbox.post("/control/price", symbol="SOL", price=before * 2)
    assert ask(sandbox, "solana")["solana"]["usd"] == pytest.approx(before, rel=0.01)
    sandbox.post("/control/price", symbol="SOL", price=before)


def test_too_many_calls_are_told_when_to_come_again(sandbox: Sandbox) -> None:
    sandbox.post("/control/faults", service="coingecko", kind="rate_limit", retry_after=42, count=1)
    refused = sandbox.get(PATH, ids="ethereum", vs_currencies="usd")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "42")
    assert sandbox.get(PATH, ids="ethereum", vs_currencies="usd").json()["ethereum"].keys() == {"usd"}
