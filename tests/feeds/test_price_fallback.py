"""Where there is no consensus nothing opens, and a closing falls back: to the venue's own price, to the last mark."""

import datetime as dt
from decimal import Decimal

import pytest

from feeds.consensus import MarkPrice, NoConsensus
from feeds.models import LastMark
from feeds.quote_store import write_quotes
from feeds.selectors import closing_price, mark_prices
from tests.factories import make_market
from tests.feeds.quotes import as_of_now, quote
from vanta import clock

pytestmark = pytest.mark.django_db
SYMBOL = "ETH/USD"


@pytest.fixture(autouse=True)
def _market() -> None:
    make_market()


def now() -> MarkPrice | NoConsensus:
    return mark_prices([SYMBOL])[SYMBOL]


def remember(price: str) -> None:
    at = clock.now() - dt.timedelta(minutes=3)
    LastMark.objects.create(
        price_symbol=SYMBOL, price=Decimal(price), uncertainty=Decimal("0.1"), as_of=at, sources=["x"], updated_at=at
    )


def test_a_secondary_source_never_stands_in_for_the_primary_when_it_is_old() -> None:
    write_quotes([as_of_now(quote("3000", source="coingecko"), age_ms=20_000)])

    assert isinstance(now(), NoConsensus)


def test_sources_that_disagree_leave_a_closing_the_venues_own_price() -> None:
    write_quotes([as_of_now(quote("2800")), as_of_now(quote("3000", source="coingecko"))])
    remember("3000")

    mark = now()
    assert isinstance(mark, NoConsensus)
    price = closing_price(SYMBOL, mark)
    assert price is not None
    assert (price.basis, price.price) == ("venue", Decimal(2800))


def test_without_any_fresh_price_a_closing_falls_back_to_the_last_mark() -> None:
    remember("2950")

    price = closing_price(SYMBOL, now())

    assert price is not None
    assert (price.basis, price.price) == ("last_mark", Decimal(2950))


def test_without_any_price_at_all_there_is_none() -> None:
    assert closing_price(SYMBOL, now()) is None
