"""Whether the minutes of a stretch hold all that the price did: whoever decides on them afterwards asks first."""

import datetime as dt

import pytest

from feeds import candles
from feeds.candle_store import Piece, merge_pieces
from feeds.models import CandleCoverage, Resolution
from tests.factories import make_market
from vanta.money import ONE

pytestmark = pytest.mark.django_db
NOON = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)


def at(seconds: int) -> dt.datetime:
    return NOON + dt.timedelta(seconds=seconds)


def looked(begin: int, end: int, every: int = 4) -> None:
    """A price every few seconds, from one time to another within a minute."""
    for second in range(begin, end + 1, every):
        start = Resolution.MINUTE.start_of(at(second))
        piece = Piece("ETH/USD", Resolution.MINUTE, start, ONE, ONE, ONE, ONE, at(second), at(second))
        merge_pieces([piece])


@pytest.mark.parametrize(
    ("stretches", "covered_until", "since", "until", "expected"),
    [
        ([(0, 56), (60, 116)], None, 30, 118, True),  # the streamer went on; only the guardian was away
        ([(0, 56), (60, 100)], None, 30, 104, True),  # the minute is still going on
        ([(0, 56), (60, 100)], None, 30, 106, False),  # its last price is 6 s old
        ([(0, 56)], None, 30, 100, False),  # the second minute is missing
        ([(0, 20), (40, 56)], None, 10, 58, False),  # 20 s without a price
        ([(40, 56)], None, 38, 58, True),  # nobody asks about what was before
        ([(40, 56)], None, 30, 58, False),
        ([(0, 20)], 60, 10, 60, True),  # the venue has completed it
        ([], 120, 10, 120, True),  # and had nothing to add
        ([(120, 140)], 120, 10, 144, True),
        ([(132, 140)], 120, 10, 144, False),
    ],
)
def test_a_stretch_is_complete_where_the_venue_completed_it_or_no_pause_was_long(
    stretches: list[tuple[int, int]], covered_until: int | None, since: int, until: int, expected: bool
) -> None:
    make_market("ETH/USD")
    for stretch in stretches:
        looked(*stretch)
    if covered_until is not None:
        CandleCoverage.objects.create(price_symbol="ETH/USD", resolution_s=60, complete_until=at(covered_until))
    assert candles.is_complete("ETH/USD", at(since), at(until)) is expected
