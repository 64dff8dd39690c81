"""A sandbox of this folder's own, and what the price sources need to find it."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pytest_django import Settings

from feeds import sources
from feeds.price_terms import forget_price_terms
from tests.waiting import wait_until
from vanta.embedded.host import free_port

CHECKOUT = Path(__file__).resolve().parents[2]
STARTS_WITHIN_S = 20


class Sandbox:
    """The pretended outside world, over HTTP."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = httpx.Client(base_url=url, timeout=5)

    def fault(self, service: str, kind: str, **details: Any) -> None:
        self.client.post("/control/faults", json={"service": service, "kind": kind, **details}).raise_for_status()

    def set_price(self, symbol: str, price: str) -> None:
        self.client.post("/control/price", json={"symbol": symbol, "price": price}).raise_for_status()

    def reset(self) -> None:
        self.client.delete("/control/faults").raise_for_status()

    def served(self, service: str) -> int:
        """How many requests a service has had so far."""
        counts: int = self.client.get("/control/state").json()["served"].get(service, {}).get("requests", 0)
        return counts

    def answers(self) -> bool:
        try:
            return self.client.get("/control/state").is_success
        except httpx.TransportError:
            return False


@pytest.fixture(scope="session")
def running_sandbox() -> Iterator[Sandbox]:
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "vanta.sandbox", "--port", str(port)], cwd=CHECKOUT)
    sandbox = Sandbox(f"http://127.0.0.1:{port}")
    try:
        wait_until(sandbox.answers, STARTS_WITHIN_S, "the sandbox answers")
        yield sandbox
    finally:
        sandbox.client.close()
        process.terminate()
        process.wait(10)


@pytest.fixture
def sandbox(running_sandbox: Sandbox, settings: Settings) -> Iterator[Sandbox]:
    """The sandbox without faults; every source and the catalogue point at it."""
    settings.VERANTA_API_BASE_URL = f"{running_sandbox.url}/veranta"
    settings.VERANTA_TX_BUILDER_URL = f"{running_sandbox.url}/tx-builder"
    settings.VERANTA_HISTORY_API_URL = f"{running_sandbox.url}/history"
    settings.VERANTA_FEED_URL = f"{running_sandbox.url}/feed"
    settings.COINGECKO_BASE_URL = f"{running_sandbox.url}/coingecko/api/v3"
    settings.BASE_RPC_URL = f"{running_sandbox.url}/rpc"
    sources.close_sources()
    running_sandbox.reset()
    yield running_sandbox
    running_sandbox.reset()
    sources.close_sources()


@pytest.fixture(autouse=True)
def _fresh_terms() -> None:
    forget_price_terms()
