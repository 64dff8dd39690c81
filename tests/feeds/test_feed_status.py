"""What the feeds say of themselves, for `/readyz` and `/status`."""

import pytest

from feeds import selectors, services
from tests.feeds.conftest import Sandbox

pytestmark = pytest.mark.django_db


@pytest.fixture
def markets(sandbox: Sandbox) -> int:
    return services.refresh_markets()


def test_the_status_of_the_feeds_goes_from_failed_to_ok(markets: int, sandbox: Sandbox) -> None:
    assert selectors.feed_status().state == "failed"
    services.poll_source("avantis")
    assert selectors.feed_status().state == "degraded"  # CoinGecko has not been heard yet
    services.poll_source("coingecko")
    status = selectors.feed_status()
    assert (status.state, status.unpriced, status.priced_markets) == ("ok", (), status.open_markets)
    assert status.oldest_mark_age_ms is not None


def test_the_status_of_the_feeds_without_redis_is_failed_and_not_an_exception(markets: int, redis_down: None) -> None:
    status = selectors.feed_status()
    assert (status.state, status.sources) == ("failed", ())
