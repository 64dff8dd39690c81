"""Beat and a real Celery worker keep the prices fresh, and a hanging source stops no other."""

import time
from pathlib import Path

import httpx
import pytest
from pytest_django import Settings

from feeds import selectors, services, tasks
from feeds.consensus import MarkPrice
from feeds.models import LastMark
from feeds.source_status import read_status
from feeds.sources import close_sources
from tests.stack import Stack
from tests.waiting import wait_until
from vanta import clock
from vanta.supervision.environment import sandbox_urls

FRESH_MS = 3000


def has_price(symbol: str) -> bool:
    return isinstance(selectors.mark_prices([symbol])[symbol], MarkPrice)


@pytest.mark.django_db(transaction=True)
def test_prices_stay_fresh_and_a_hanging_source_stops_no_other(tmp_path: Path, settings: Settings) -> None:
    with Stack("sandbox", "worker-feeds", "beat", log_dir=tmp_path) as stack:
        for name, value in sandbox_urls(stack.sandbox_url).items():
            setattr(settings, name, value)
        close_sources()
        services.refresh_markets()
        wait_until(lambda: has_price("ETH_UPSIDE/USD"), 20, "beat and the worker bring a price")
        eth = LastMark.objects.filter(price_symbol="ETH/USD")
        first = wait_until(eth.values_list("as_of", flat=True).first, 10, "the price is mirrored")
        wait_until(eth.filter(as_of__gt=first).exists, 10, "the mirror moves on")
        assert clock.now_ms() - selectors.mark_price("ETH/USD").as_of_ms < FRESH_MS

        fault = {"service": "feed", "kind": "hang", "seconds": 30}
        httpx.post(f"{stack.sandbox_url}/control/faults", json=fault, timeout=5, trust_env=False).raise_for_status()
        wait_until(lambda: read_status("avantis").failures > 0, 15, "the hanging source is noticed")
        sent_ms, started = clock.now_ms(), time.monotonic()
        tasks.poll_source.apply_async(("coingecko",), queue="feeds")
        wait_until(lambda: (read_status("coingecko").last_ok_ms or 0) >= sent_ms, 5, "the other source is polled")
        assert time.monotonic() - started < 3
    close_sources()
