"""A submission that could not begin in time is not begun late: whoever halted trading meanwhile was not heard by it."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from tests.waiting import wait_until
from trading.venues.avantis.client import Answer, Post, VenueClient
from vanta import clock

START_WITHIN_S = 0.3
READ_WITHIN_S = 10


class SlowVenue:
    """A listener whose queue is full: who connects waits until there is room, a second at least."""

    def __init__(self) -> None:
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.listener.settimeout(READ_WITHIN_S)
        self.address = self.listener.getsockname()
        self.waiting: list[socket.socket] = []
        with contextlib.suppress(TimeoutError):
            while len(self.waiting) < 8:
                self.waiting.append(socket.create_connection(self.address, timeout=0.1))

    def received(self) -> bytes:
        """Take everybody in; what the last one sends until it hangs up."""
        for _ in self.waiting:
            self.listener.accept()[0].close()
        connection, _ = self.listener.accept()
        connection.settimeout(READ_WITHIN_S)
        with connection:
            return connection.recv(100)

    def close(self) -> None:
        for each in (*self.waiting, self.listener):
            each.close()


@pytest.fixture
def slow(settings: Settings) -> Iterator[SlowVenue]:
    venue = SlowVenue()
    settings.VERANTA_API_BASE_URL = f"http://127.0.0.1:{venue.address[1]}"
    yield venue
    venue.close()


def submitted(start_by: float | None) -> tuple[threading.Thread, dict[str, Answer]]:
    client, answers = VenueClient(), dict[str, Answer]()
    post = Post("order", 0, "0x01", "0x02", start_by)

    def run() -> None:
        answers.update(client.post_all([post], lambda *_: None))
        client.close()

    running = threading.Thread(target=run)
    running.start()
    return running, answers


def test_a_connection_that_takes_too_long_carries_nothing(slow: SlowVenue) -> None:
    start_by = clock.monotonic() + START_WITHIN_S
    running, answers = submitted(start_by)
    wait_until(lambda: clock.monotonic() > start_by, 5, "it is too late to begin")
    assert slow.received() == b""
    running.join(READ_WITHIN_S)
    assert answers["order"].error == "paused"


def test_one_that_is_made_in_time_carries_the_order(slow: SlowVenue) -> None:
    running, answers = submitted(clock.monotonic() + READ_WITHIN_S)
    assert slow.received().startswith(b"POST /batched-market")
    running.join(READ_WITHIN_S)
    assert answers["order"].outcome == "no_answer"
