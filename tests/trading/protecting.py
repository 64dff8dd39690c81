"""Protections turned on for tests (the one place that says how), and a guardian that looks when a test says so."""

from collections.abc import Callable
from typing import Any

import pytest

from feeds import selectors as feeds
from feeds.consensus import MarkPrice
from feeds.models import Market
from tests.factories import set_limits
from tests.trading.people import Person
from trading import guardian

Protect = Callable[..., None]


@pytest.fixture
def protect(db: None) -> Protect:
    """`protect(ada, cooldown_minutes=60)`: these protections are on for her, and for nobody else."""

    def protect(person: Person, **terms: Any) -> None:
        person.types("/start")
        set_limits(person.trader, **terms)

    return protect


def look(market: Market) -> int:
    """The guardian holds the market's mark of now against its positions; answers how many closings it approved."""
    mark = feeds.mark_prices([market.symbol])[market.symbol]
    assert isinstance(mark, MarkPrice)
    return guardian.watch({market: mark})
