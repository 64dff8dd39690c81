"""Two admins, one of them a super admin as well; traders, and a market to trade in."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from pytest_django import Settings

from feeds.models import Market
from feeds.price_terms import forget_price_terms
from feeds.quote_store import write_quotes
from tests.adminpanel.alerting import ADA, GRACE
from tests.factories import make_market
from tests.feeds.quotes import quote
from tests.trading.bot_api import BotApi, running_bot_api
from tests.trading.people import Person
from vanta import clock


@pytest.fixture
def admins(settings: Settings) -> list[int]:
    settings.ADMIN_USER_IDS, settings.SUPER_ADMIN_IDS = [GRACE, ADA], [ADA]
    settings.PUBLIC_BASE_URL = "https://vanta.example/"
    return [ADA, GRACE]


@pytest.fixture(autouse=True)
def _fresh_terms() -> None:
    forget_price_terms()


@pytest.fixture
def eth(db: None) -> Market:
    """ETH/USD at 3000, as its primary source says now."""
    market = make_market()
    write_quotes([replace(quote("3000"), timestamp_ms=clock.now_ms(), received_at_ms=clock.now_ms())])
    return market


@pytest.fixture
def ada(db: None) -> Person:
    return Person()


@pytest.fixture
def grace(db: None) -> Person:
    return Person()


@pytest.fixture(scope="session")
def sandbox() -> Iterator[BotApi]:
    """The outside world in a process; whoever faults it heals it."""
    with running_bot_api() as running:
        yield running
