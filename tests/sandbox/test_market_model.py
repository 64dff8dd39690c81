"""The market model: seeded, correlated, and with a past that meets the present."""

import math
from itertools import pairwise
from statistics import correlation

import pytest

from vanta.sandbox.catalogue import BASE_PAIRS
from vanta.sandbox.market import STEP_S, MarketModel

START_S = 1_800_000_000.0


def model(seed: int = 7) -> MarketModel:
    return MarketModel(BASE_PAIRS, seed=seed, now_s=START_S)


def walk(market: MarketModel, symbol: str, seconds: int) -> list[float]:
    prices = []
    for second in range(1, seconds + 1):
        market.advance(START_S + second)
        prices.append(market.tick(symbol).price)
    return prices


def test_the_same_seed_makes_the_same_prices() -> None:
    assert walk(model(), "ETH/USD", 60) == walk(model(), "ETH/USD", 60)
    assert walk(model(), "ETH/USD", 60) != walk(model(seed=8), "ETH/USD", 60)


def test_prices_begin_where_the_catalogue_says() -> None:
    prices = model().prices()
    wanted = {"ETH/USD": 3000, "BTC/USD": 60000, "SOL/USD": 150, "EUR/USD": 1.08, "USD/JPY": 150, "XAU/USD": 2400}
    assert {symbol: prices[symbol] for symbol in wanted} == pytest.approx(wanted)


def test_crypto_moves_together_more_than_currencies_do() -> None:
    market = model()
    moves: dict[str, list[float]] = {"ETH/USD": [], "BTC/USD": [], "EUR/USD": []}
    before = market.prices()
    for second in range(1, 1201):
        market.advance(START_S + second)
        now = market.prices()
        for symbol, list_of_moves in moves.items():
            list_of_moves.append(math.log(now[symbol] / before[symbol]))
        before = now
    assert correlation(moves["ETH/USD"], moves["BTC/USD"]) > 0.5
    assert abs(correlation(moves["ETH/USD"], moves["EUR/USD"])) < 0.3


def test_a_frozen_walk_keeps_its_prices_and_its_time_goes_on() -> None:
    market = model()
    market.frozen = True
    market.advance(START_S + 10)
    assert market.tick("ETH/USD").price == pytest.approx(3000)
    assert market.as_of_s == START_S + 10


def test_a_long_gap_is_walked_as_a_minute() -> None:
    market = model()
    market.advance(START_S + 100_000)
    assert market.tick("ETH/USD").price == pytest.approx(3000, rel=0.05)
    assert market.as_of_s == START_S + 100_000


def test_steps_are_shorter_than_a_fifth_of_a_second() -> None:
    assert STEP_S <= 0.2


def test_old_candles_lead_to_the_first_price_without_a_gap() -> None:
    candles = model().candles("ETH/USD", resolution_s=3600, start_s=int(START_S) - 100 * 3600, end_s=int(START_S))
    for earlier, later in pairwise(candles):
        assert later.start_s - earlier.start_s == 3600
        assert later.open == pytest.approx(earlier.close)
    assert candles[-1].close == pytest.approx(3000)
