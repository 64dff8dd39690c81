"""Price history: pieces merge to the same candle in any order, coarser candles follow, the past can be asked."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feeds import candles, services
from feeds.candle_store import KEPT, Piece, merge_pieces, piece_of, prune_candles, roll_up
from feeds.consensus import MarkPrice
from feeds.models import Candle, Market, Resolution
from tests.factories import make_market
from vanta import clock

pytestmark = pytest.mark.django_db
NOON = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
MINUTE = Resolution.MINUTE


def tick(price: object, at: dt.datetime, symbol: str = "ETH/USD") -> Piece:
    """One price as a piece of its minute."""
    value = Decimal(str(price))
    return Piece(symbol, MINUTE, MINUTE.start_of(at), value, value, value, value, at, at)


def second(number: int, *, minute: int = 0) -> dt.datetime:
    return NOON + dt.timedelta(minutes=minute, seconds=number)


def whole(
    start: dt.datetime, low: str, high: str, *, resolution: Resolution = MINUTE, symbol: str = "ETH/USD"
) -> Piece:
    """The venue's candle from low to high."""
    bounds = (Decimal(low), Decimal(high), Decimal(low), Decimal(high))
    return Piece(symbol, resolution, start, *bounds, start, start + resolution.span)


def merge_one_by_one(pieces: Sequence[Piece]) -> None:
    for piece in pieces:
        merge_pieces([piece])


def stored(resolution: Resolution = MINUTE) -> list[tuple[Decimal, Decimal, Decimal, Decimal]]:
    rows = Candle.objects.filter(resolution_s=resolution).order_by("price_symbol", "start_at")
    return [(row.open, row.high, row.low, row.close) for row in rows]


def numbers(*values: int) -> tuple[Decimal, ...]:
    return tuple(Decimal(value) for value in values)


def test_the_marks_of_a_minute_are_its_candle() -> None:
    mark = MarkPrice("ETH/USD", Decimal("3000.5"), Decimal("0.0001"), 1_790_000_030_500, ("avantis",), ())
    merge_pieces([piece_of(mark)])
    merge_pieces([piece_of(replace(mark, price=Decimal(3010), as_of_ms=1_790_000_031_500))])
    merge_pieces([piece_of(replace(mark, price=Decimal(2990), as_of_ms=1_790_000_032_500))])
    (candle,) = Candle.objects.all()
    assert (candle.open, candle.high, candle.low, candle.close) == (Decimal("3000.5"), *numbers(3010, 2990, 2990))
    assert candle.start_at == clock.from_ms(1_789_999_980_000)
    assert candle.gap_s == 1


TICKS = st.dictionaries(st.integers(0, 59), st.integers(1, 9999), min_size=1, max_size=8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(TICKS.flatmap(lambda ticks: st.tuples(st.permutations(list(ticks.items())), st.just(ticks))))
def test_pieces_make_the_same_candle_in_any_order_and_however_often(
    case: tuple[list[tuple[int, int]], dict[int, int]],
) -> None:
    shuffled, ticks = case
    Candle.objects.all().delete()
    merge_one_by_one([tick(price, second(at)) for at, price in [*shuffled, *shuffled]])
    first, last = ticks[min(ticks)], ticks[max(ticks)]
    assert stored() == [numbers(first, max(ticks.values()), min(ticks.values()), last)]


def test_many_markets_and_minutes_are_merged_in_one_statement(django_assert_num_queries: object) -> None:
    pieces = [
        tick(3000 + minute, second(1, minute=minute), symbol) for minute in range(3) for symbol in ("ETH/USD", "A/USD")
    ]
    merge_pieces(pieces)
    merge_pieces([])
    assert len(stored()) == 6


def test_the_venue_s_candle_opens_and_closes_a_minute_that_was_seen_in_part() -> None:
    merge_one_by_one([tick(3000, second(20)), tick(3020, second(50))])
    assert Candle.objects.get().gap_s == 30
    merge_pieces([whole(NOON, "2990", "3015")])
    assert stored() == [numbers(2990, 3020, 2990, 3015)]
    assert Candle.objects.get().gap_s == 0
    merge_pieces([tick(3001, second(40))])
    assert Candle.objects.get().gap_s == 0


def test_coarser_candles_are_made_of_finer_ones_and_again_without_a_difference() -> None:
    starts = [NOON + dt.timedelta(minutes=minute) for minute in range(7)]
    merge_pieces([whole(start, str(100 + number), str(110 + number)) for number, start in enumerate(starts)])
    for _ in range(2):
        roll_up(NOON)
        assert stored(Resolution.FIVE_MINUTES) == [numbers(100, 114, 100, 114), numbers(105, 116, 105, 116)]
        assert stored(Resolution.HOUR) == stored(Resolution.DAY) == [numbers(100, 116, 100, 116)]


def test_a_roll_up_in_the_middle_of_an_hour_keeps_what_is_before_it() -> None:
    merge_pieces([whole(NOON, "50", "500"), whole(NOON + dt.timedelta(minutes=30), "100", "110")])
    roll_up(NOON)
    Candle.objects.filter(resolution_s=60, start_at=NOON).delete()  # its time was over
    roll_up(NOON + dt.timedelta(minutes=30))
    assert stored(Resolution.HOUR) == [numbers(50, 500, 50, 110)]


def test_days_begin_at_midnight_utc() -> None:
    assert Resolution.DAY.start_of(NOON) == dt.datetime(2026, 11, 24, tzinfo=dt.UTC)
    assert Resolution.HOUR.start_of(second(61)) == NOON


def test_candles_go_when_their_time_is_over_and_coarser_ones_stay_longer() -> None:
    old = clock.now() - KEPT[MINUTE] - dt.timedelta(hours=1)
    merge_pieces([tick(1, old), tick(1, clock.now())])
    roll_up(old)
    assert prune_candles() == 1
    assert [len(stored(resolution)) for resolution in Resolution] == [1, 2, 2, 2]


def test_the_newest_candles_come_oldest_first_and_an_upside_market_has_its_base_market_s() -> None:
    make_market()
    make_market(
        "ETH_UPSIDE/USD", pair_index=106, is_upside=True, price_symbol="ETH/USD", min_leverage=75, max_leverage=500
    )
    merge_pieces([tick(minute + 1, second(0, minute=minute)) for minute in range(5)])
    found = candles.recent_candles("ETH_UPSIDE/USD", MINUTE, limit=3)
    assert [candle.close for candle in found] == list(numbers(3, 4, 5))


def test_the_history_between_two_times_begins_with_the_candle_that_the_first_falls_into() -> None:
    merge_pieces([tick(minute + 1, second(0, minute=minute)) for minute in range(6)])
    found = candles.price_history("ETH/USD", second(90), second(0, minute=4))
    assert [candle.close for candle in found] == list(numbers(2, 3, 4))


def test_where_minutes_are_gone_the_history_is_the_coarser_one() -> None:
    merge_pieces([whole(NOON, "50", "60", resolution=Resolution.HOUR)])
    assert [candle.high for candle in candles.price_history("ETH/USD", second(90), second(100))] == [Decimal(60)]
    assert candles.price_history("BTC/USD", second(0), second(100)) == []


def test_volatility_is_measured_on_neighbouring_minutes_and_kept_within_its_bounds() -> None:
    market = make_market()
    make_market("BTC/USD", pair_index=1)
    begin = MINUTE.start_of(clock.now() - dt.timedelta(hours=3))
    # 1 ‰ up and down each minute: a standard deviation of 0.001 a minute, 0.00013 for the square root of a second
    moves = [Decimal(3000) * (1 + Decimal(number % 2) / 1000) for number in range(150)]
    at = [begin + dt.timedelta(minutes=number) for number in range(150)]
    merge_pieces([tick(price, when) for price, when in zip(moves, at, strict=True)])
    merge_pieces([tick(60_000 + number, when, "BTC/USD") for number, when in enumerate(at[:100])])  # too few
    assert services.refresh_volatilities() == 1
    market.refresh_from_db()
    assert abs(market.volatility_per_sqrt_s - Decimal("0.000129")) < Decimal("0.000001")
    assert Market.objects.get(symbol="BTC/USD").volatility_per_sqrt_s == Decimal("0.00015")


@pytest.mark.parametrize(("step", "bound"), [("0", "0.0000375"), ("0.5", "0.0006")])
def test_neither_a_quiet_day_nor_a_wild_one_makes_the_bands_meaningless(step: str, bound: str) -> None:
    market = make_market()
    begin = MINUTE.start_of(clock.now() - dt.timedelta(hours=3))
    merge_pieces([
        tick(3000 * (1 + Decimal(step) * (number % 2)), begin + dt.timedelta(minutes=number)) for number in range(130)
    ])  # fmt: skip
    services.refresh_volatilities()
    market.refresh_from_db()
    assert market.volatility_per_sqrt_s == Decimal(bound)
