"""The feed's candles: for every listed pair, with TradingView's bounds, in good time, and up to the present price."""

import time
from collections.abc import Iterator
from itertools import pairwise
from statistics import median
from typing import Any

import pytest

from tests.sandbox.conftest import Sandbox, started
from vanta.sandbox.history import CandleBook

HISTORY = "/feed/v1/shims/tradingview/history"
MINUTE, HOUR, DAY = 60, 3600, 86400
START_S = 1_800_000_000 + 17 * MINUTE + 5  # in the middle of an hour and of a minute


@pytest.fixture(scope="module")
def wide() -> Iterator[Sandbox]:
    with started("--markets", "112") as sandbox:
        yield sandbox


@pytest.fixture
def book() -> CandleBook:
    return CandleBook(start_price=3000, start_s=START_S, sigma_per_sqrt_s=0.0001, seed="7:ETH/USD")


def ask(sandbox: Sandbox, symbol: str, first_s: int, last_s: int, resolution: str = "1") -> dict[str, Any]:
    bounds = {"from": first_s, "to": last_s}
    told = sandbox.control.get(HISTORY, params={"symbol": symbol, "resolution": resolution, **bounds})
    candles: dict[str, Any] = told.raise_for_status().json()
    return candles


def listed(sandbox: Sandbox) -> list[dict[str, Any]]:
    return list(sandbox.get("/veranta/data/v2/trading").json()["pairInfos"].values())


def test_every_listed_pair_has_candles_under_the_symbol_of_its_feed(wide: Sandbox) -> None:
    minute_s = int(time.time()) // MINUTE * MINUTE
    symbols = {pair["feed"]["attributes"]["symbol"] for pair in listed(wide)}
    assert symbols > {"Crypto.ETH/USD", "Equity.US.US500/USD", "FX.USD/JPY", "Metal.XAU/USD", "Crypto.ALT112/USD"}
    for symbol in symbols:
        told = ask(wide, symbol, minute_s - 5 * MINUTE, minute_s - 1)
        assert (told["s"], len(told["t"])) == ("ok", 5), symbol


def test_the_present_candle_ends_at_the_present_price_of_every_pair(wide: Sandbox) -> None:
    wide.post("/control/freeze", frozen=True)
    for pair in listed(wide):
        price = wide.get(f"/feed/v2/pairs/{pair['index']}/price-update-data").json()["pro"]["price"]
        now_s = int(time.time())
        told = ask(wide, pair["feed"]["attributes"]["symbol"], now_s - DAY, now_s, "1D")
        assert told["c"][-1] == price
        assert told["l"][-1] <= price <= told["h"][-1]
    wide.post("/control/freeze", frozen=False)


def test_a_price_that_is_set_is_in_the_present_candle_at_once(wide: Sandbox) -> None:
    wide.post("/control/freeze", frozen=True)
    wide.post("/control/price", symbol="ALT040", price=9999)
    now_s = int(time.time())
    told = ask(wide, "Crypto.ALT040/USD", now_s - MINUTE, now_s)
    assert (told["c"][-1], told["h"][-1]) == (9999, 9999)
    wide.post("/control/freeze", frozen=False)


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [(0, 0, [0, 1, 2]), (1, 0, [0, 1, 2]), (-1, 0, [1, 2]), (0, -1, [0, 1]), (0, 59, [0, 1, 2]), (0, 60, [0, 1, 2, 3])],
)
def test_both_bounds_are_inclusive_of_the_start_of_a_candle(
    sandbox: Sandbox, before: int, after: int, wanted: list[int]
) -> None:
    first_s = int(time.time()) // MINUTE * MINUTE - 30 * MINUTE
    told = ask(sandbox, "Crypto.ETH/USD", first_s - before, first_s + 2 * MINUTE + after)
    assert told["t"] == [first_s + place * MINUTE for place in wanted]


def test_one_instant_is_one_candle_and_an_empty_range_is_no_data(sandbox: Sandbox) -> None:
    minute_s = int(time.time()) // MINUTE * MINUTE - 10 * MINUTE
    assert ask(sandbox, "Crypto.ETH/USD", minute_s, minute_s)["t"] == [minute_s]
    assert ask(sandbox, "Crypto.ETH/USD", minute_s + 1, minute_s + 59)["s"] == "no_data"
    assert ask(sandbox, "Crypto.ETH/USD", minute_s + DAY, minute_s + 2 * DAY)["s"] == "no_data"


@pytest.mark.parametrize(("resolution", "width_s"), [("1", MINUTE), ("60", HOUR), ("1D", DAY)])
def test_a_thousand_candles_are_answered_in_less_than_fifty_milliseconds(
    wide: Sandbox, resolution: str, width_s: int
) -> None:
    until_s, took_s = int(time.time()) // width_s * width_s, []
    for symbol in ("Crypto.ETH/USD", "Equity.US.US500/USD", "FX.EUR/USD", "Crypto.ALT050/USD", "Crypto.ALT100/USD"):
        for _ in range(2):  # the first question makes the past, the second one finds it made
            began = time.perf_counter()
            told = ask(wide, symbol, until_s - 1000 * width_s, until_s - 1, resolution)
            took_s.append(time.perf_counter() - began)
            assert len(told["t"]) == 1000
    assert median(took_s) < 0.05


def test_the_past_does_not_depend_on_the_order_of_the_questions(book: CandleBook) -> None:
    whole = book.candles(resolution_s=MINUTE, start_s=START_S - DAY, end_s=START_S)
    other = CandleBook(start_price=3000, start_s=START_S, sigma_per_sqrt_s=0.0001, seed="7:ETH/USD")
    other.candles(resolution_s=HOUR, start_s=START_S - 90 * DAY, end_s=START_S - 80 * DAY)
    other.candles(resolution_s=MINUTE, start_s=START_S - HOUR, end_s=START_S)
    assert other.candles(resolution_s=MINUTE, start_s=START_S - DAY, end_s=START_S) == whole


@pytest.mark.parametrize("resolution_s", [MINUTE, 5 * MINUTE, HOUR, 4 * HOUR, DAY])
def test_candles_follow_each_other_without_a_gap_however_old(book: CandleBook, resolution_s: int) -> None:
    for minute in range(1, 200):
        book.add(3000 + minute, START_S + minute * MINUTE)
    candles = book.candles(resolution_s=resolution_s, start_s=0, end_s=START_S + DAY)
    assert len(candles) > 300
    for earlier, later in pairwise(candles):
        assert later.start_s - earlier.start_s == resolution_s
        assert later.open == pytest.approx(earlier.close)
    assert candles[-1].close == 3199


def test_a_past_that_is_coarser_than_the_question_is_left_out(book: CandleBook) -> None:
    month_ago = START_S - 30 * DAY
    assert book.candles(resolution_s=MINUTE, start_s=month_ago, end_s=month_ago + HOUR) == []
    assert len(book.candles(resolution_s=HOUR, start_s=month_ago, end_s=month_ago + HOUR)) == 1


def test_what_is_told_does_not_change_what_is_kept(book: CandleBook) -> None:
    (told,) = book.candles(resolution_s=MINUTE, start_s=START_S - 2 * MINUTE, end_s=START_S - MINUTE)
    told.add(99_999)
    (again,) = book.candles(resolution_s=MINUTE, start_s=START_S - 2 * MINUTE, end_s=START_S - MINUTE)
    assert again.high < 99_999
