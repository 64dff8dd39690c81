"""A chart's axes: round prices, times where people expect them, labels that make way for each other."""

import datetime as dt
import itertools
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.telegram.pictures.chart import window_text
from trading.telegram.pictures.geometry import push_apart
from trading.telegram.pictures.header import change_text
from trading.telegram.pictures.labels import fitted
from trading.telegram.pictures.price_axis import MAX_STEPS, PriceScale, price_steps, step_text, tag_text
from trading.telegram.pictures.time_axis import time_ticks

D = Decimal


@pytest.mark.parametrize(
    ("low", "high", "written"),
    [
        ("2930", "3260", ["2,950", "3,000", "3,050", "3,100", "3,150", "3,200", "3,250"]),
        ("0.00000102", "0.00000118", ["0.00000105", "0.00000110", "0.00000115"]),
        ("97010", "103900", ["98,000", "99,000", "100,000", "101,000", "102,000", "103,000"]),
        ("149.993", "150.011", ["149.995", "150.000", "150.005", "150.010"]),
        ("0", "1", ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
    ],
)
def test_prices_are_round_and_written_with_the_digits_that_tell_them_apart(
    low: str, high: str, written: list[str]
) -> None:
    steps = price_steps(D(low), D(high))
    assert [step_text(price, steps.decimals) for price in steps.prices] == written


@given(st.decimals("0.000001", 100_000, places=9), st.decimals("0.000000001", 10_000, places=9))
def test_there_are_always_some_prices_on_the_axis_and_never_too_many(low: Decimal, span: Decimal) -> None:
    steps = price_steps(low, low + span)
    assert 2 <= len(steps.prices) <= MAX_STEPS + 1
    assert all(low <= price <= low + span for price in steps.prices)


@pytest.mark.parametrize(
    ("price", "decimals", "written"),
    [
        ("3001.4567", 0, "3,001.46"),
        ("0.0000109832", 6, "0.00001098"),
        ("150.012", 3, "150.012"),
        ("0.000000000000000001", 0, "1.00E-18"),
        ("123456789012345", 0, "1.23E+14"),
    ],
)
def test_a_single_price_is_as_exact_as_its_chart_deserves(price: str, decimals: int, written: str) -> None:
    assert tag_text(D(price), decimals) == written


def test_a_price_becomes_the_pixel_row_that_is_nearest() -> None:
    scale = PriceScale(D(0), D(10), top=100, bottom=200)
    rows = [scale.row(D(price)) for price in ("10", "5", "0", "9.94", "9.96", "9.95", "9.85")]
    assert rows == [100, 150, 200, 101, 100, 100, 102]


def ticks(first: str, step: dt.timedelta, count: int = 120, at_most: int = 7) -> list[str]:
    begin = dt.datetime.fromisoformat(first).replace(tzinfo=dt.UTC)
    return [tick.text for tick in time_ticks([begin + step * n for n in range(count)], step=step, at_most=at_most)]


@pytest.mark.parametrize(
    ("first", "step", "written"),
    [
        ("2026-11-24 06:57", dt.timedelta(minutes=1), ["07:00", "07:30", "08:00", "08:30"]),
        ("2026-11-23 22:55", dt.timedelta(minutes=5), ["24 Nov", "02:00", "04:00", "06:00", "08:00"]),
        ("2026-11-19 09:00", dt.timedelta(hours=1), ["20 Nov", "21 Nov", "22 Nov", "23 Nov", "24 Nov"]),
        ("2026-10-28 00:00", dt.timedelta(days=1), ["1 Nov", "1 Dec", "2027", "1 Feb"]),
        ("2020-01-01 00:00", dt.timedelta(days=365), ["2020"]),
    ],
)
def test_times_stand_where_an_hour_a_day_or_a_month_begins(first: str, step: dt.timedelta, written: list[str]) -> None:
    assert ticks(first, step, count=1 if step.days == 365 else 120) == written


def test_after_a_closed_market_the_first_candle_of_a_day_is_named() -> None:
    day = dt.datetime(2026, 11, 20, 14, 30, tzinfo=dt.UTC)
    starts = [day + dt.timedelta(days=skip, hours=hour) for skip in (0, 3, 4) for hour in range(7)]
    found = time_ticks(starts, step=dt.timedelta(hours=1), at_most=3)
    assert [(tick.place, tick.text) for tick in found] == [(7, "23 Nov"), (14, "24 Nov")]


@given(st.integers(1, 500), st.sampled_from([60, 300, 3600, 86_400]), st.integers(1, 9), st.integers(0, 10**9))
def test_there_is_a_time_on_every_axis_and_never_too_many(count: int, step_s: int, at_most: int, begin: int) -> None:
    start = dt.datetime.fromtimestamp(begin // step_s * step_s, tz=dt.UTC)
    step = dt.timedelta(seconds=step_s)
    found = time_ticks([start + step * n for n in range(count)], step=step, at_most=at_most)
    assert 1 <= len(found) <= at_most
    assert all(0 <= tick.place < count for tick in found)


@given(st.lists(st.integers(-100, 700), max_size=12).map(sorted))
def test_boxes_are_pushed_apart_within_their_bounds_and_in_their_order(middles: list[int]) -> None:
    begins = push_apart(middles, size=40, top=100, bottom=600)
    assert all(after - before >= 40 for before, after in itertools.pairwise(begins))
    assert all(100 <= begin <= 560 for begin in begins)


@pytest.mark.parametrize(
    ("middles", "begins"),
    [
        ([], []),
        ([300], [280]),
        ([150, 300], [130, 280]),
        ([300, 300], [260, 300]),
        ([300, 310, 400], [265, 305, 380]),
        ([300, 301, 302, 500], [241, 281, 321, 480]),
        ([0, 0], [100, 140]),
        ([900, 900], [520, 560]),
    ],
)
def test_boxes_move_no_further_than_they_must(middles: list[int], begins: list[int]) -> None:
    assert push_apart(middles, size=40, top=100, bottom=600) == begins


@pytest.mark.parametrize(
    ("change", "written"),
    [
        ("0.0124", "▲ 1.24 %"),
        ("-0.005", "▼ 0.50 %"),
        ("0", "0.00 %"),
        ("-0.00004", "0.00 %"),
        ("123456", "▲ > 10,000 %"),
    ],
)
def test_a_change_has_a_direction_where_there_is_one(change: str, written: str) -> None:
    assert change_text(D(change)) == written


@pytest.mark.parametrize(
    ("window", "written"),
    [
        (dt.timedelta(minutes=119), "119 min"),
        (dt.timedelta(hours=2), "2 h"),
        (dt.timedelta(hours=47), "47 h"),
        (dt.timedelta(days=5), "5 days"),
    ],
)
def test_a_window_is_written_in_the_unit_that_people_use(window: dt.timedelta, written: str) -> None:
    assert window_text(window) == written


def test_a_text_that_is_too_wide_ends_with_an_ellipsis() -> None:
    def ten_each(text: str, _size: int) -> int:
        return 10 * len(text)

    assert fitted("ETH/USD", 26, 70, ten_each) == "ETH/USD"
    assert fitted("ETH/USD", 26, 60, ten_each) == "ETH/U…"
    assert fitted("ETH/USD", 26, 5, ten_each) == ""
