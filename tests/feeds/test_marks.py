"""The marks are kept each second: mirrored, gathered into candles, and their absence written down."""

import datetime as dt
import threading
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from feeds import marks
from feeds.models import Candle, ConsensusLoss, LastMark
from feeds.quote_store import KEY_PREFIX, write_quotes
from tests.factories import make_market
from tests.feeds.quotes import as_of_now, quote
from vanta import clock, redis

pytestmark = pytest.mark.django_db
ETH = ["ETH/USD"]


@pytest.fixture(autouse=True)
def _market() -> None:
    make_market()


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Moves the time by some seconds."""
    real_now, real_ms = clock.now, clock.now_ms

    def move(seconds: int) -> None:
        monkeypatch.setattr(clock, "now", lambda: real_now() + dt.timedelta(seconds=seconds))
        monkeypatch.setattr(clock, "now_ms", lambda: real_ms() + seconds * 1000)

    return move


def price_is(price: str) -> None:
    write_quotes([replace(quote(price), timestamp_ms=clock.now_ms(), received_at_ms=clock.now_ms())])


def test_a_mark_is_mirrored_and_is_a_piece_of_its_minute() -> None:
    price_is("3000")
    assert marks.mirror_marks(ETH) == 1
    price_is("3010")
    marks.mirror_marks(ETH)
    mirrored, candle = LastMark.objects.get(), Candle.objects.latest("start_at")
    assert (mirrored.price_symbol, mirrored.price, mirrored.sources) == ("ETH/USD", Decimal(3010), ["avantis"])
    assert candle.close == Decimal(3010)


def test_whoever_comes_first_in_a_second_does_it() -> None:
    price_is("3000")
    assert [marks.mirror_if_due(ETH) for _ in range(3)] == [1, 0, 0]
    redis.client().delete(marks.MIRROR_KEY)
    assert marks.mirror_if_due(ETH) == 1


def test_all_markets_are_mirrored_in_one_statement_and_gathered_in_another() -> None:
    make_market("BTC/USD", pair_index=1)
    write_quotes([as_of_now(quote("60000", market="BTC/USD"))])
    price_is("3000")
    with CaptureQueriesContext(connection) as queries:
        marks.mirror_marks(["ETH/USD", "BTC/USD"])
    statements = [query["sql"] for query in queries if "INSERT" in query["sql"]]
    assert [sorted({"feeds_lastmark", "feeds_candle"} & set(sql.replace('"', " ").split())) for sql in statements] == [
        ["feeds_lastmark"],
        ["feeds_candle"],
    ]


def test_a_market_without_a_price_has_lost_its_consensus_and_the_reason_is_kept() -> None:
    price_is("3000")
    write_quotes(
        [
            replace(
                quote("3100", source="slow", age_ms=20_000),
                timestamp_ms=clock.now_ms() - 20_000,
                received_at_ms=clock.now_ms(),
            )
        ]
    )
    assert marks.mirror_marks(ETH) == 0
    loss = ConsensusLoss.objects.get()
    assert (loss.price_symbol, loss.reason, loss.ended_at) == ("ETH/USD", "vetoed", None)
    marks.mirror_marks(ETH)
    assert ConsensusLoss.objects.get() == loss


def test_the_quotes_that_did_not_count_are_kept_with_the_loss() -> None:
    write_quotes([replace(quote("3000"), timestamp_ms=clock.now_ms() + 60_000, received_at_ms=clock.now_ms())])
    marks.mirror_marks(ETH)
    assert ConsensusLoss.objects.get().excluded == [{"source": "avantis", "reason": "future"}]


def test_a_loss_that_lasted_ends_with_the_next_mark(later: Callable[[int], None]) -> None:
    marks.mirror_marks(ETH)
    later(11)
    price_is("3000")
    marks.mirror_marks(ETH)
    loss = ConsensusLoss.objects.get()
    assert loss.ended_at is not None
    assert loss.ended_at - loss.began_at >= marks.LASTING


def test_a_loss_of_a_moment_is_forgotten() -> None:
    marks.mirror_marks(ETH)
    price_is("3000")
    marks.mirror_marks(ETH)
    assert not ConsensusLoss.objects.exists()


def test_a_loss_that_people_were_told_of_is_not_forgotten_however_short() -> None:
    marks.mirror_marks(ETH)
    ConsensusLoss.objects.update(told_loss_at=clock.now())
    price_is("3000")
    marks.mirror_marks(ETH)
    assert ConsensusLoss.objects.get().ended_at is not None


def test_a_loss_ends_although_it_began_by_a_clock_that_is_ahead() -> None:
    marks.mirror_marks(ETH)
    ahead = clock.now() + dt.timedelta(seconds=30)
    ConsensusLoss.objects.update(began_at=ahead, told_loss_at=ahead)
    price_is("3000")
    assert marks.mirror_marks(ETH) == 1
    loss = ConsensusLoss.objects.get()
    assert loss.ended_at == loss.began_at


def test_a_market_that_has_closed_has_lost_nothing_more(later: Callable[[int], None]) -> None:
    marks.mirror_marks(ETH)
    later(60)
    marks.mirror_marks([])
    assert ConsensusLoss.objects.get().ended_at is not None


@pytest.mark.django_db(transaction=True)
def test_two_that_mirror_at_once_write_one_loss() -> None:
    def mirror() -> None:
        try:
            marks.mirror_marks(ETH)
        finally:
            connection.close()

    together = [threading.Thread(target=mirror) for _ in range(4)]
    for thread in together:
        thread.start()
    for thread in together:
        thread.join(20)
    assert ConsensusLoss.objects.count() == 1


def test_a_second_time_after_a_loss_is_a_loss_of_its_own(later: Callable[[int], None]) -> None:
    marks.mirror_marks(ETH)
    later(11)
    price_is("3000")
    marks.mirror_marks(ETH)
    redis.client().delete(KEY_PREFIX + "ETH/USD")
    marks.mirror_marks(ETH)
    assert ConsensusLoss.objects.filter(ended_at=None).count() == 1
    assert ConsensusLoss.objects.count() == 2


def test_an_older_mark_never_takes_a_newer_one_s_place() -> None:
    price_is("3010")
    marks.mirror_marks(ETH)
    redis.client().delete(KEY_PREFIX + "ETH/USD")
    write_quotes([as_of_now(quote("2900"), 3000)])
    marks.mirror_marks(ETH)
    assert LastMark.objects.get().price == Decimal(3010)


def test_an_absurd_spread_is_no_price_and_hides_no_other_market() -> None:
    make_market("BTC/USD", pair_index=1)
    absurd = replace(quote("0.000000001", market="BTC/USD"), bid=Decimal("1e-9"), ask=Decimal("1e14"))
    write_quotes([as_of_now(absurd)])
    price_is("3000")
    assert marks.mirror_marks(["BTC/USD", "ETH/USD"]) == 1
    assert LastMark.objects.get().price_symbol == "ETH/USD"
