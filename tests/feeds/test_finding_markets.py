"""The market that a person means is found among those that the venue lists."""

import pytest

from feeds import selectors, services
from tests.feeds.conftest import Sandbox

pytestmark = pytest.mark.django_db


@pytest.fixture
def markets(sandbox: Sandbox) -> int:
    return services.refresh_markets()


@pytest.mark.parametrize(
    ("text", "symbol"),
    [("eth", "ETH/USD"), ("eth-usd", "ETH/USD"), ("jpy", "USD/JPY"), ("eth upside", "ETH_UPSIDE/USD")],
)
def test_people_find_markets(markets: int, text: str, symbol: str) -> None:
    assert selectors.find_market(text).symbol == symbol


def test_an_unknown_market_is_answered_with_suggestions(markets: int) -> None:
    with pytest.raises(selectors.UnknownMarket) as caught:
        selectors.find_market("ETHH")
    assert "ETH/USD" in caught.value.suggestions
