"""What the feeds say of themselves, for `/readyz` and `/status`."""

from typing import Any

import pytest

from feeds import selectors, services
from feeds.source_status import record_failure, record_success
from feeds.sources import SOURCES
from feeds.sources.base import SourceError
from feeds.stream_status import StreamStatus, record_stream
from tests.feeds.conftest import Sandbox
from tests.feeds.quotes import quote
from vanta import clock

pytestmark = pytest.mark.django_db


@pytest.fixture
def markets(sandbox: Sandbox) -> int:
    return services.refresh_markets()


def flowing(age_ms: int = 0, **changes: Any) -> StreamStatus:
    return StreamStatus("here:1", "streaming", since_ms=1, last_price_ms=clock.now_ms() - age_ms, markets=30, **changes)


def test_the_status_of_the_feeds_goes_from_failed_to_ok(markets: int, sandbox: Sandbox) -> None:
    assert selectors.feed_status().state == "failed"
    services.poll_source("avantis")
    assert selectors.feed_status().state == "degraded"  # the others have not been heard yet
    services.poll_source("coingecko")
    services.poll_source("chainlink")
    assert "no price stream" in selectors.feed_status().detail
    record_stream(flowing())
    status = selectors.feed_status()
    assert (status.state, status.unpriced, status.priced_markets) == ("ok", (), status.open_markets)
    assert status.oldest_mark_age_ms is not None


def test_the_status_of_the_feeds_without_redis_is_failed_and_not_an_exception(markets: int, redis_down: None) -> None:
    status = selectors.feed_status()
    assert (status.state, status.sources) == ("failed", ())


def test_a_failing_source_and_a_silent_stream_are_named_with_what_ails_them(markets: int) -> None:
    services.poll_source("avantis")
    record_success("coingecko", latency_ms=1, quotes=[quote()], asked=1)
    for _ in range(3):
        record_failure("avantis", error=SourceError("HTTP 500"), latency_ms=1, longest_pause_s=5)
    record_stream(flowing(age_ms=5001, failures=2, last_error="silent"))
    status = selectors.feed_status()
    assert status.state == "degraded"
    assert "avantis fails: HTTP 500" in status.detail
    assert "the price stream is streaming, 2 failures in a row: silent" in status.detail


def test_with_every_source_down_it_says_which_and_which_markets_have_no_price(markets: int, sandbox: Sandbox) -> None:
    for service in ("feed", "coingecko", "rpc"):
        sandbox.fault(service, "status", status=500)
    for name in SOURCES:
        for _ in range(3):
            services.poll_source(name)
    status = selectors.feed_status()
    assert status.state == "failed"
    for name in SOURCES:
        assert f"{name} fails: HTTP 500" in status.detail
    assert "without a price: ETH/USD" in status.detail
