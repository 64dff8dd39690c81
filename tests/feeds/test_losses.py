"""The losses of consensus of a stretch of time, in numbers."""

import datetime as dt

import pytest

from feeds.losses import loss_summary
from feeds.models import ConsensusLoss
from vanta import clock

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


def lose(symbol: str, ago_s: int, lasted_s: int | None) -> ConsensusLoss:
    began_at = clock.now() - dt.timedelta(seconds=ago_s)
    ended_at = None if lasted_s is None else began_at + dt.timedelta(seconds=lasted_s)
    return ConsensusLoss.objects.create(price_symbol=symbol, reason="vetoed", began_at=began_at, ended_at=ended_at)


def test_where_nothing_was_lost_there_is_nothing_to_tell() -> None:
    summary = loss_summary(DAY)
    assert (summary.count, summary.longest, summary.open) == (0, dt.timedelta(0), ())


@pytest.mark.parametrize(
    ("ago_s", "lasted_s", "counts"),
    [
        (3600, 60, True),
        (90_000, 60, False),  # ended before the day began
        (90_000, 10_000, True),  # reaches into it
        (90_000, None, True),
        (11, None, True),
        (5, None, False),  # may heal by itself
    ],
)
def test_a_loss_counts_where_it_touches_the_stretch_and_has_lasted(
    ago_s: int, lasted_s: int | None, counts: bool
) -> None:
    lose("ETH/USD", ago_s, lasted_s)
    assert loss_summary(DAY).count == counts


def test_the_longest_is_told_also_where_it_goes_on() -> None:
    lose("ETH/USD", 3600, 60)
    newer, older = lose("BTC/USD", 120, None), lose("SOL/USD", 600, None)
    summary = loss_summary(DAY)
    assert summary.open == (older, newer)
    assert dt.timedelta(seconds=600) <= summary.longest < dt.timedelta(seconds=700)
