"""The sandbox's venue as a process, and Vanta switched to LIVE against it."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from feeds.models import Market
from risk import execution_mode
from risk.execution_mode import ExecutionMode
from tests.factories import make_market
from tests.sandbox.conftest import Sandbox, started
from tests.trading.conftest import SetPrice
from tests.trading.keys.rings import key_text
from tests.trading.live.world import LiveTrader
from trading.venues.avantis import client, identity
from vanta.supervision.environment import sandbox_urls


@pytest.fixture(scope="session")
def venue_process() -> Iterator[Sandbox]:
    with started("--seed", "7") as running:
        running.post("/control/freeze", frozen=True).raise_for_status()
        yield running


@pytest.fixture
def venue(venue_process: Sandbox, settings: Settings, db: None) -> Iterator[Sandbox]:
    """The venue without faults, at ETH 3000, on the chain's own time; Vanta asks it and no other."""
    for name, url in sandbox_urls(venue_process.url).items():
        if name.startswith(("VERANTA_", "BASE_RPC_URL")):
            setattr(settings, name, url)
    settings.KEY_ENCRYPTION_KEYS = key_text("test")
    settings.CANARY_MAX_NOTIONAL_USD = 5000
    venue_process.control.delete("/control/faults")
    venue_process.post("/control/clock", offset_s=0)
    venue_process.post("/control/price", symbol="ETH/USD", price="3000").raise_for_status()
    client.close_client()
    identity.forget()
    yield venue_process
    venue_process.control.delete("/control/faults")
    client.close_client()


@pytest.fixture
def eth(db: None, price: SetPrice) -> Market:
    """ETH/USD at 3000, under the venue's own number."""
    price("ETH/USD", "3000")
    return make_market("ETH/USD", pair_index=0)


@pytest.fixture
def live(venue: Sandbox, eth: Market) -> LiveTrader:
    """A trader whose orders are LIVE."""
    execution_mode.change(ExecutionMode.LIVE, actor="test", reason="a test")
    return LiveTrader(venue)
