"""A real sandbox process on a free port, and a webhook receiver that stands in for Vanta."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from tests.sandbox.receiver import WebhookReceiver
from tests.sandbox.traders import Trader
from tests.waiting import wait_until

TOKEN = "123456789:sandbox-test-token"
SECRET = "a-webhook-secret"
START_WITHIN_S = 20


class Sandbox:
    """The running process: its address, and a client for the control API."""

    def __init__(self, url: str, pid: int) -> None:
        self.url = url
        self.pid = pid
        self.control = httpx.Client(base_url=url, timeout=10, trust_env=False)

    def get(self, path: str, **parameters: str | int) -> httpx.Response:
        return self.control.get(path, params=parameters)

    def post(self, path: str, **body: object) -> httpx.Response:
        return self.control.post(path, json=body)

    def state(self) -> dict[str, object]:
        told: dict[str, object] = self.get("/control/state").json()
        return told

    def messages(self, chat_id: int) -> list[dict[str, object]]:
        found: list[dict[str, object]] = self.get("/control/messages", chat_id=chat_id).json()["messages"]
        return found

    def is_up(self) -> bool:
        try:
            return self.control.get("/control/state").is_success
        except httpx.TransportError:
            return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def sandbox_environment(**extra: str) -> dict[str, str]:
    mine = {"TELEGRAM_BOT_TOKEN": TOKEN, "TELEGRAM_WEBHOOK_SECRET": SECRET, "SANDBOX_WEBHOOK_URL": ""}
    return {**os.environ, "ENVIRONMENT": "development", **mine, **extra}


@contextmanager
def started(*arguments: str) -> Iterator[Sandbox]:
    """A sandbox of this test alone, ended by a signal."""
    port = free_port()
    command = [sys.executable, "-m", "vanta.sandbox", "--port", str(port), *arguments]
    running = subprocess.Popen(command, env=sandbox_environment(), stderr=subprocess.DEVNULL)
    sandbox = Sandbox(f"http://127.0.0.1:{port}", running.pid)
    try:
        wait_until(sandbox.is_up, 20, "the sandbox answers")
        yield sandbox
        running.terminate()
        running.wait(6)
    finally:
        running.kill()
        running.wait()
        sandbox.control.close()


@pytest.fixture(scope="session")
def process() -> Iterator[Sandbox]:
    port = free_port()
    command = [sys.executable, "-m", "vanta.sandbox", "--port", str(port), "--seed", "11"]
    running = subprocess.Popen(command, env=sandbox_environment())
    sandbox = Sandbox(f"http://127.0.0.1:{port}", running.pid)
    try:
        wait_until(sandbox.is_up, START_WITHIN_S, "the sandbox answers")
        yield sandbox
    finally:
        running.terminate()
        running.wait(10)
        sandbox.control.close()


@pytest.fixture
def sandbox(process: Sandbox) -> Iterator[Sandbox]:
    """The process without faults, with a moving market and no webhook."""
    yield process
    process.control.delete("/control/faults")
    process.post("/control/freeze", frozen=False)
    httpx.post(f"{process.url}/telegram/bot{TOKEN}/deleteWebhook", data={"drop_pending_updates": "true"})


@pytest.fixture
def venue(sandbox: Sandbox) -> Iterator[Sandbox]:
    """The process with ETH still at 3000 and the chain's clock right."""
    sandbox.post("/control/freeze", frozen=True)
    sandbox.post("/control/price", symbol="ETH", price=3000)
    yield sandbox
    sandbox.post("/control/clock", offset_s=0)
    sandbox.post("/control/price", symbol="ETH", price=3000)


@pytest.fixture
def trader() -> Trader:
    return Trader()


@pytest.fixture
def receiver(sandbox: Sandbox) -> Iterator[WebhookReceiver]:
    """Takes the bot's updates; the sandbox is pointed at it."""
    with WebhookReceiver() as taking:
        httpx.post(f"{sandbox.url}/telegram/bot{TOKEN}/setWebhook", data={"url": taking.url}).raise_for_status()
        yield taking
