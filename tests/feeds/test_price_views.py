"""What people are shown of a market's price: the mark, and what each source says and counts for."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from feeds.consensus import MarkPrice, NoConsensus
from feeds.models import LastMark
from feeds.price_views import LONGEST_AGE_MS, PriceView, price_view, price_views
from feeds.quote_store import KEY_PREFIX, write_quotes
from feeds.stream_status import StreamStatus, record_stream
from tests.factories import make_market
from tests.feeds.quotes import quote
from vanta import clock, redis

pytestmark = pytest.mark.django_db
D = Decimal


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ages are exact: the time stands still."""
    make_market()
    now_ms = clock.now_ms()
    monkeypatch.setattr(clock, "now_ms", lambda: now_ms)


def hear(price: object, source: str = "avantis", *, age_ms: int = 500, **terms: Any) -> None:
    write_quotes(
        [
            replace(
                quote(price, source=source, age_ms=age_ms, **terms),
                timestamp_ms=clock.now_ms() - age_ms,
                received_at_ms=clock.now_ms(),
            )
        ],
    )


def parts(view: PriceView) -> dict[str, tuple[str, str | None]]:
    return {each.source: (each.role, each.reason) for each in view.sources}


def remember(price: str) -> None:
    now = clock.now()
    LastMark.objects.create(price_symbol="ETH/USD", price=D(price), uncertainty=D(0), as_of=now, updated_at=now)


def test_the_sources_come_in_their_order_with_age_distance_and_part() -> None:
    hear("2999", "coingecko", age_ms=40_000)
    hear("3000", "avantis")
    view = price_view("ETH/USD")
    assert isinstance(view.mark, MarkPrice)
    avantis, coingecko = view.sources
    assert (avantis.source, avantis.role, avantis.age_ms, avantis.distance) == ("avantis", "vouches", 500, D(0))
    assert (coingecko.source, coingecko.role, coingecko.age_ms) == ("coingecko", "may_veto", 40_000)
    assert coingecko.distance == D(2999) / D(3000) - 1


@pytest.mark.parametrize(
    ("heard", "told"),
    [
        ({"avantis": ("3000", 500, "a"), "b": ("3000", 600, "a")}, {"b": ("left_out", "duplicate_upstream")}),
        ({"avantis": ("3000", 500, "a"), "b": ("3001", -1900, "b")}, {"b": ("vouches", None)}),
        ({"avantis": ("3000", 500, "a"), "b": ("3001", -2500, "b")}, {"b": ("left_out", "future")}),
        ({"avantis": ("3000", 500, "a"), "b": ("3001", 120_001, "b")}, {"b": ("left_out", "expired")}),
        ({"avantis": ("3000", 500, "a"), "b": ("1e30", 500, "b")}, {"b": ("left_out", "malformed")}),
        ({"avantis": ("3000", 500, "a"), "b": ("NaN", 500, "b")}, {"b": ("left_out", "malformed")}),
        (
            {"avantis": ("3000", 500, "a"), "b": ("3001", 500, "b"), "c": ("3100", 500, "c")},
            {"b": ("vouches", None), "c": ("left_out", "outlier")},
        ),
    ],
)
def test_what_is_left_out_is_told_with_its_reason(
    heard: dict[str, tuple[str, int, str]], told: dict[str, tuple[str, str | None]]
) -> None:
    for source, (price, age_ms, upstream) in heard.items():
        hear(price, source, age_ms=age_ms, upstream=upstream)
    view = price_view("ETH/USD")
    assert isinstance(view.mark, MarkPrice)
    assert parts(view) == {"avantis": ("vouches", None), **told}


def test_who_vetoes_is_told_apart_from_who_only_may() -> None:
    hear("3000", "avantis")
    hear("2900", "coingecko", age_ms=30_000)
    hear("3001", "chainlink", age_ms=30_000)
    view = price_view("ETH/USD")
    assert isinstance(view.mark, NoConsensus)
    assert view.mark.reason == "vetoed"
    assert parts(view) == {
        "avantis": ("vouches", None),
        "chainlink": ("may_veto", None),
        "coingecko": ("vetoes", None),
    }
    assert view.reference == D(3000)  # what the fresh quotes would make without the veto


def test_an_outlier_makes_nobody_look_like_a_veto() -> None:
    hear("3000", "avantis")
    hear("3100", "b")
    hear("3050", "chainlink", age_ms=30_000)
    view = price_view("ETH/USD")
    assert isinstance(view.mark, NoConsensus)
    assert view.mark.reason == "outliers"
    assert parts(view) == {
        "avantis": ("left_out", "outlier"),
        "b": ("left_out", "outlier"),
        "chainlink": ("may_veto", None),
    }
    assert view.reference is None


def test_too_few_upstreams_still_tells_who_would_veto() -> None:
    make_market("BTC/USD", min_upstreams=2)
    hear("60000", market="BTC/USD")
    hear("50000", "chainlink", market="BTC/USD", age_ms=30_000)
    view = price_view("BTC/USD")
    assert isinstance(view.mark, NoConsensus)
    assert view.mark.reason == "not_enough_upstreams"
    assert parts(view)["chainlink"] == ("vetoes", None)
    assert view.reference == D(60000)


def test_without_a_fresh_quote_distances_are_from_the_last_known_price() -> None:
    hear("3030", "avantis", age_ms=30_000)
    assert price_view("ETH/USD").sources[0].distance is None
    remember("3000")
    view = price_view("ETH/USD")
    assert view.last is not None
    assert (view.reference, view.sources[0].distance, view.sources[0].role) == (D(3000), D("0.01"), "may_veto")


def test_an_upside_market_has_the_view_of_its_base_market() -> None:
    make_market("ETH_UPSIDE/USD")
    hear("3000")
    remember("2990")
    view = price_view("ETH_UPSIDE/USD")
    assert isinstance(view.mark, MarkPrice)
    assert (view.symbol, view.mark.price) == ("ETH_UPSIDE/USD", D(3000))
    assert view.last is not None


def test_an_unknown_market_has_no_price_and_raises_nothing() -> None:
    view = price_view("NO/SUCH")
    assert isinstance(view.mark, NoConsensus)
    assert (view.mark.reason, view.sources, view.is_readable) == ("no_quotes", (), True)


def test_many_are_seen_in_the_order_asked_for() -> None:
    make_market("BTC/USD")
    hear("60000", market="BTC/USD")
    hear("3000")
    views = price_views(["ETH/USD", "BTC/USD", "ETH/USD"])
    assert [view.symbol for view in views] == ["ETH/USD", "BTC/USD", "ETH/USD"]
    assert [view.reference for view in views] == [D(3000), D(60000), D(3000)]
    assert price_views([]) == []


@pytest.mark.parametrize("time", ["9" * 300, "-" + "9" * 300], ids=["far future", "far past"])
def test_an_absurd_time_gives_an_age_that_can_be_shown(time: str) -> None:
    hear("3000")
    key = f"{KEY_PREFIX}ETH/USD"
    _, _, told = str(redis.client().hget(key, "avantis")).partition("|")
    redis.client().hset(key, "avantis", f"{time}|{told}")
    (view,) = price_view("ETH/USD").sources
    assert abs(view.age_ms) == LONGEST_AGE_MS
    assert view.role == "left_out"


def test_the_stream_belongs_to_what_is_seen() -> None:
    assert price_view("ETH/USD").stream is None
    record_stream(StreamStatus("here:1", "streaming", since_ms=1, last_price_ms=clock.now_ms()))
    stream = price_view("ETH/USD").stream
    assert stream is not None
    assert stream.is_flowing(clock.now_ms())


def test_without_redis_the_view_says_so_and_keeps_the_last_price(redis_down: None) -> None:
    remember("3000")
    view = price_view("ETH/USD")
    assert (view.is_readable, view.sources, view.stream) == (False, (), None)
    assert isinstance(view.mark, NoConsensus)
    assert view.last is not None
    assert view.last.price == D(3000)
