"""What a missed candle does to a position: which trigger, at which price, at which time."""

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.margin import Side
from trading.evaluation import Bar, Levels, first_crossing

D = Decimal
NOON = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
MIRROR = 6000  # a short at 3000 is the long of the prices on the other side of it


def levels(side: Side = Side.LONG, *, watched_from: dt.datetime = NOON) -> Levels:
    """A long from 3000: liquidation at 2745, stop 2900, take-profit 3300; a short has them mirrored."""
    prices = [D(2745), D(2900), D(3300)]
    if side is Side.SHORT:
        prices = [MIRROR - price for price in prices]
    liquidation, stop, target = prices
    return Levels(side, lambda _: liquidation, stop, target, watched_from)


def bar(opened: object, high: object, low: object, closed: object, *, minute: int = 0, side: Side = Side.LONG) -> Bar:
    prices = [D(str(price)) for price in (opened, high, low, closed)]
    if side is Side.SHORT:
        opened_, high_, low_, closed_ = (MIRROR - price for price in prices)
        prices = [opened_, low_, high_, closed_]
    return Bar(NOON + minute * MINUTE, *prices)


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize(
    ("opened", "high", "low", "closed", "reason", "price"),
    [
        (3000, 3010, "2900.01", 3000, None, None),
        (3000, 3010, 2900, 3000, "stop_loss", 2900),
        (3000, 3010, 2880, 2890, "stop_loss", 2900),
        (2900, 2910, 2890, 2890, "stop_loss", 2900),
        (2870, 2890, 2860, 2880, "stop_loss", 2870),  # opened beyond the stop: nobody would have filled it at 2900
        (3000, 3010, "2745.01", 3000, "stop_loss", 2900),
        (3000, 3010, 2745, 3000, "liquidation", 2745),  # stop and liquidation in one candle: the worse one
        (2700, 2710, 2690, 2700, "liquidation", 2745),
        (3000, "3299.99", 2990, 3000, None, None),
        (3000, 3300, 2990, 3000, "take_profit", 3300),
        (3350, 3360, 3340, 3350, "take_profit", 3300),
        (3000, 3300, 2900, 3000, "stop_loss", 2900),  # both in one candle: the worse one
        (3000, 3300, 2745, 3000, "liquidation", 2745),
    ],
)
def test_one_candle(
    side: Side, opened: object, high: object, low: object, closed: object, reason: str | None, price: object
) -> None:
    found = first_crossing(levels(side), [bar(opened, high, low, closed, side=side)])
    if reason is None:
        assert found is None
        return
    assert found is not None
    expected = D(str(price)) if side is Side.LONG else MIRROR - D(str(price))
    assert (found.reason, found.price, found.at) == (reason, expected, NOON)


def test_the_first_candle_that_crosses_decides() -> None:
    calm, gain, crash = bar(3000, 3010, 2990, 3000), bar(3000, 3310, 3000, 3300, minute=1), bar(9, 9, 9, 9, minute=2)
    found = first_crossing(levels(), [calm, gain, crash])
    assert found is not None
    assert (found.reason, found.at) == ("take_profit", NOON + MINUTE)


def test_of_the_candle_in_which_it_was_opened_only_the_close_concerns_a_position() -> None:
    opened_at = NOON + dt.timedelta(seconds=20)
    assert first_crossing(levels(watched_from=opened_at), [bar(3000, 3400, 2000, 3000)]) is None
    found = first_crossing(levels(watched_from=opened_at), [bar(3000, 3400, 2000, 2890)])
    assert found is not None
    assert (found.reason, found.price, found.at) == ("stop_loss", D(2890), opened_at)


def test_a_position_without_stop_and_take_profit_is_only_liquidated() -> None:
    bare = Levels(Side.LONG, lambda _: D(2745), None, None, NOON)
    assert first_crossing(bare, [bar(3000, 9000, 2746, 3000)]) is None


prices = st.integers(2600, 3400).map(D)


@given(st.lists(st.tuples(prices, prices, prices, prices), max_size=6))
def test_a_short_is_the_mirror_of_a_long(rows: list[tuple[Decimal, ...]]) -> None:
    sides = {}
    for side in Side:
        bars = [bar(o, max(row), min(row), c, minute=n, side=side) for n, row in enumerate(rows) for o, *_, c in [row]]
        sides[side] = first_crossing(levels(side), bars)
    long, short = sides[Side.LONG], sides[Side.SHORT]
    assert (long is None) == (short is None)
    if long is not None and short is not None:
        assert (long.reason, long.price, long.at) == (short.reason, MIRROR - short.price, short.at)
