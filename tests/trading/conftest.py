"""People who trade, markets to trade in, and prices that a test sets."""

from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from pytest_django import Settings

from feeds.consensus import Quote
from feeds.models import LastMark, Market
from feeds.price_terms import forget_price_terms
from feeds.quote_store import KEY_PREFIX, write_quotes
from tests.factories import make_market
from tests.trading.bot_api import BotApi, running_bot_api
from tests.trading.owed import new_chat
from tests.trading.people import Person
from trading.telegram.client import bot_loop
from vanta import clock, redis, wake

SetPrice = Callable[..., None]


@pytest.fixture(autouse=True)
def _fresh_caches() -> None:
    """What a process keeps between two tests would be another test's."""
    forget_price_terms()
    wake._paused_until["broker"] = 0.0


@pytest.fixture(autouse=True)
def _settled_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test run's own Redis may be seconds old; what follows from that is specified where it is asked for."""
    monkeypatch.setattr(redis, "has_just_started", lambda within_s: False)


@pytest.fixture
def ada(db: None) -> Person:
    return Person()


@pytest.fixture
def grace(db: None) -> Person:
    return Person()


@pytest.fixture
def price(db: None) -> SetPrice:
    """`price("ETH/USD", "3000")`: the primary source says so now, or said so `age_ms` ago."""

    def set_price(symbol: str, value: object, *, age_ms: int = 0) -> None:
        at_ms = clock.now_ms() - age_ms
        redis.client().delete(KEY_PREFIX + symbol)  # a newer quote would stay
        write_quotes(
            [
                Quote(
                    market=symbol,
                    source="avantis",
                    upstream="pyth",
                    price=Decimal(str(value)),
                    timestamp_ms=at_ms,
                    received_at_ms=at_ms,
                    weight=Decimal("1.5"),
                    max_age_ms=60_000,
                )
            ]
        )

    return set_price


@pytest.fixture
def eth(db: None, price: SetPrice) -> Market:
    """ETH/USD at 3000."""
    market = make_market("ETH/USD")
    price("ETH/USD", "3000")
    return market


@pytest.fixture
def btc(eth: Market, price: SetPrice) -> Market:
    """BTC/USD at 60000."""
    price("BTC/USD", "60000")
    return make_market("BTC/USD")


@pytest.fixture
def eth_upside(eth: Market) -> Market:
    """The Upside pair of ETH/USD, with its shares of the profit."""
    return make_market(
        "ETH_UPSIDE/USD", upside_tier_gains_pct=["0", "100", "3000"], upside_tier_fees_pct=["80", "25", "2.5"]
    )


@pytest.fixture
def last_known(db: None) -> SetPrice:
    """`last_known("ETH/USD", "2990")`: the mark that PostgreSQL remembers."""

    def remember(symbol: str, value: object) -> None:
        LastMark.objects.update_or_create(
            price_symbol=symbol,
            defaults={
                "price": Decimal(str(value)),
                "uncertainty": Decimal("0.0001"),
                "as_of": clock.now(),
                "sources": ["avantis"],
                "updated_at": clock.now(),
            },
        )

    return remember


@pytest.fixture(scope="session")
def bot_api_process() -> Iterator[BotApi]:
    with running_bot_api() as running:
        yield running


@pytest.fixture
def api(bot_api_process: BotApi, settings: Settings) -> Iterator[BotApi]:
    """A Bot API without faults, which deliveries go to."""
    settings.TELEGRAM_API_BASE_URL = f"{bot_api_process.url}/telegram/bot"
    bot_loop.cache_clear()
    yield bot_api_process
    bot_api_process.heal()
    bot_loop.cache_clear()


@pytest.fixture
def chat() -> int:
    """A chat that nobody has written to yet."""
    return new_chat()
