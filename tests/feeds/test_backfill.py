"""Candles that Vanta has missed come from the venue, once; what it saw itself is not asked for."""

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import time_machine

from feeds import backfill, services
from feeds.backfill import HISTORY, Stretch, read_candles
from feeds.candle_store import Piece, merge_pieces
from feeds.models import Candle, CandleCoverage, Market, Resolution
from feeds.sources import candle_source
from feeds.sources.base import SourceError
from tests.feeds.conftest import Sandbox
from vanta import clock

MINUTE = Resolution.MINUTE
NOON_S = 1_795_521_600
NOON = clock.from_ms(NOON_S * 1000)
STRETCH = Stretch("ETH/USD", "Crypto.ETH/USD", MINUTE, NOON, NOON + dt.timedelta(hours=1))


def answer(**changes: Any) -> dict[str, Any]:
    prices = {"o": [3000, "3001"], "h": [3010, 3011], "l": [2990, 2991], "c": [3005, Decimal("3006.5")]}
    return {"s": "ok", "t": [NOON_S, NOON_S + 60], **prices, "v": [1, 1], **changes}


def test_the_venue_s_candles_are_whole_pieces() -> None:
    first, second = read_candles(answer(), STRETCH)
    assert (first.open, first.high, first.low, first.close) == tuple(map(Decimal, (3000, 3010, 2990, 3005)))
    assert (first.first_at, first.last_at) == (NOON, NOON + MINUTE.span)
    assert second.close == Decimal("3006.5")


@pytest.mark.parametrize(
    "changes",
    [
        {"t": [None, NOON_S + 60]},
        {"t": [NOON_S + 7, NOON_S + 60]},
        {"t": [-60, NOON_S + 60]},
        {"o": ["NaN", 3001]},
        {"o": [0, 3001]},
        {"h": [2999, 3011]},
        {"l": [3003, 2991]},
        {"c": [3010.5, 3006]},
    ],
    ids=str,
)
def test_a_candle_that_contradicts_itself_is_left_out_and_hides_no_other(changes: dict[str, Any]) -> None:
    assert [piece.start_at for piece in read_candles(answer(**changes), STRETCH)] == [NOON + MINUTE.span]


def test_no_data_is_an_answer() -> None:
    assert read_candles({"s": "no_data", "t": []}, STRETCH) == []


@pytest.mark.parametrize("other", [None, [], {}, {"s": "error", "errmsg": "x"}, {"s": "ok"}, {"s": "ok", "t": 5}])
def test_what_is_no_history_is_an_error_and_not_an_empty_past(other: Any) -> None:
    with pytest.raises(SourceError):
        read_candles(other, STRETCH)


@pytest.fixture
def eth(db: None, sandbox: Sandbox) -> str:
    """The catalogue with ETH as its only market."""
    services.refresh_markets()
    Market.objects.exclude(price_symbol="ETH/USD").delete()
    return "ETH/USD"


@pytest.fixture
def asked(sandbox: Sandbox) -> Callable[[], int]:
    """How often the venue's feed has been asked since this was last called."""
    seen = [sandbox.served("feed")]

    def since() -> int:
        before, seen[0] = seen[0], sandbox.served("feed")
        return seen[0] - before

    return since


def counts() -> dict[str, int]:
    return {each.label: Candle.objects.filter(resolution_s=each).count() for each in Resolution}


def test_a_market_without_history_is_given_one_of_each_resolution(eth: str, asked: Callable[[], int]) -> None:
    with time_machine.travel(clock.now(), tick=False):  # no minute ends between the two
        assert backfill.backfill_candles() > 1000
        assert asked() == len(Resolution)
        assert backfill.backfill_candles() == asked() == 0
    for resolution in Resolution:
        wanted = HISTORY[resolution] // resolution.span
        assert wanted * 9 // 10 <= counts()[resolution.label] <= wanted + 1, resolution
    assert CandleCoverage.objects.count() == len(Resolution)


def forget_since(at: dt.datetime) -> None:
    """As if Vanta had stood still since then."""
    Candle.objects.filter(start_at__gte=at).delete()
    for coverage in CandleCoverage.objects.all():
        start = Resolution(coverage.resolution_s).start_of(at)
        CandleCoverage.objects.filter(pk=coverage.pk).update(complete_until=min(coverage.complete_until, start))


def test_a_gap_is_filled_and_the_coarser_candles_with_it(eth: str, asked: Callable[[], int]) -> None:
    backfill.backfill_candles()
    forget_since(clock.now() - dt.timedelta(hours=2))
    asked()
    assert backfill.backfill_candles() >= 115
    minutes = Candle.objects.filter(resolution_s=60, start_at__gte=clock.now() - dt.timedelta(hours=2)).count()
    fives = Candle.objects.filter(resolution_s=300, start_at__gte=clock.now() - dt.timedelta(hours=2)).count()
    assert minutes >= 115
    assert fives >= 22


def seen(minutes_ago: int, first_s: int = 0, last_s: int = 59, gap_s: int = 1) -> None:
    """A minute that Vanta has observed itself."""
    start = MINUTE.start_of(clock.now()) - dt.timedelta(minutes=minutes_ago)
    price, at = Decimal(3000), start + dt.timedelta(seconds=first_s)
    merge_pieces(
        [Piece("ETH/USD", MINUTE, start, price, price, price, price, at, start + dt.timedelta(seconds=last_s))]
    )
    Candle.objects.filter(resolution_s=60, start_at=start).update(gap_s=gap_s)


def lately_covered() -> None:
    """Everything up to five minutes ago is known to be complete, and the coarser resolutions are."""
    now = clock.now()
    for resolution in Resolution:
        until = resolution.start_of(now) + (dt.timedelta(minutes=-5) if resolution is MINUTE else dt.timedelta(days=1))
        CandleCoverage.objects.create(price_symbol="ETH/USD", resolution_s=resolution, complete_until=until)


def test_minutes_that_were_watched_are_not_asked_for(eth: str, asked: Callable[[], int]) -> None:
    lately_covered()
    for minutes_ago in range(6):
        seen(minutes_ago)
    asked()
    assert backfill.backfill_candles() == asked() == 0


@pytest.mark.parametrize("hole", [{"first_s": 6}, {"last_s": 54}, {"gap_s": 6}], ids=str)
def test_a_minute_that_was_watched_in_part_is_completed(
    eth: str, asked: Callable[[], int], hole: dict[str, int]
) -> None:
    lately_covered()
    for minutes_ago in range(6):
        seen(minutes_ago, **(hole if minutes_ago == 3 else {}))
    asked()
    assert backfill.backfill_candles() > 0
    assert asked() == 1
    assert Candle.objects.filter(resolution_s=60, gap_s__gt=1).count() == 0


def test_a_closed_market_is_not_asked_about_until_it_opens(eth: str, asked: Callable[[], int]) -> None:
    Market.objects.update(group_index=2, is_open=False, next_open_at=clock.now() + dt.timedelta(hours=1))
    assert backfill.backfill_candles() == asked() == 0


def test_a_venue_that_does_not_answer_moves_nothing(eth: str, sandbox: Sandbox) -> None:
    sandbox.fault("feed", "status", status=500)
    assert backfill.backfill_candles() == 0
    assert not CandleCoverage.objects.exists()
    sandbox.reset()
    assert backfill.backfill_candles() > 1000


def test_of_several_candles_with_one_beginning_one_is_taken_and_absurd_times_are_left_out() -> None:
    twice = answer(t=[NOON_S, NOON_S])
    assert [piece.close for piece in read_candles(twice, STRETCH)] == [Decimal("3006.5")]
    assert read_candles(answer(t=[999_999_999_999_999_960, NOON_S + 10**9]), STRETCH) == []


def test_a_market_whose_answer_is_of_no_use_holds_up_no_other(
    db: None, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    services.refresh_markets()
    Market.objects.exclude(price_symbol__in=["ETH/USD", "BTC/USD", "SOL/USD"]).delete()
    honest = candle_source()

    class Source:
        def fetch_candles(self, symbol: str, *terms: int) -> Any:
            return {"s": "error"} if "BTC" in symbol else honest.fetch_candles(symbol, *terms)

    monkeypatch.setattr(backfill, "candle_source", Source)
    backfill.backfill_candles()
    backfill.backfill_candles()
    covered = set(CandleCoverage.objects.values_list("price_symbol", flat=True))
    assert covered == {"ETH/USD", "SOL/USD"}
    assert CandleCoverage.objects.count() == 2 * len(Resolution)
