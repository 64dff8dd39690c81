"""A Bot API to deliver to: the sandbox's real process, seen through its control API."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.waiting import wait_until
from vanta.embedded.host import free_port

CHECKOUT = Path(__file__).resolve().parents[2]
STARTS_WITHIN_S = 20


class BotApi:
    """The running process."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = httpx.Client(base_url=url, timeout=10, trust_env=False)

    def fault(self, kind: str, **details: Any) -> None:
        """Make the next `count` calls of the Bot API fail; see `vanta.sandbox.faults`."""
        self.client.post("/control/faults", json={"service": "telegram", "kind": kind, **details}).raise_for_status()

    def heal(self) -> None:
        self.client.delete("/control/faults").raise_for_status()

    def block(self, chat_id: int, *, blocked: bool = True) -> None:
        self.client.post("/control/block", json={"chat_id": chat_id, "blocked": blocked}).raise_for_status()

    def messages(self, chat_id: int) -> list[dict[str, Any]]:
        """The chat as its person sees it, oldest first."""
        answer = self.client.get("/control/messages", params={"chat_id": chat_id}).raise_for_status()
        found: list[dict[str, Any]] = answer.json()["messages"]
        return found

    def texts(self, chat_id: int) -> list[str]:
        return [message["text"] for message in self.messages(chat_id)]

    def answers(self) -> bool:
        try:
            return self.client.get("/control/state").is_success
        except httpx.TransportError:
            return False


@contextmanager
def running_bot_api() -> Iterator[BotApi]:
    """A sandbox process without a webhook, on a free port."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "vanta.sandbox", "--port", str(port)],
        cwd=CHECKOUT,
        env={**os.environ, "SANDBOX_WEBHOOK_URL": ""},
    )
    api = BotApi(f"http://127.0.0.1:{port}")
    try:
        wait_until(api.answers, STARTS_WITHIN_S, "the sandbox answers")
        yield api
    finally:
        api.client.close()
        process.terminate()
        process.wait(10)
