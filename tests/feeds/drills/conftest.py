"""One running set of the feeds' processes for all drills; each drill leaves it whole, or the next one repairs it."""

import contextlib
import subprocess
from collections.abc import Iterator

import httpx
import pytest
from django.core.management import call_command
from django.test import override_settings
from pytest_django import DjangoDbBlocker

from feeds import selectors, tasks
from feeds.consensus import MarkPrice, NoConsensus
from feeds.services import refresh_markets
from feeds.sources import SOURCES, close_sources
from feeds.stream_status import StreamStatus, read_stream
from tests.feeds.conftest import Sandbox
from tests.stack import CHECKOUT, Stack
from tests.trading.processes.outside import connected_to
from tests.waiting import wait_until
from vanta import clock, redis
from vanta.celery import app
from vanta.devservices import DevServices
from vanta.supervision.child import Program, kill_group, launch
from vanta.supervision.environment import sandbox_urls

PROCESSES = ("sandbox", "web", "worker-feeds", "worker-maintenance", "beat", "streamer")
WHOLE_WITHIN_S = 60
MS_PER_S = 1000


class Feeds:
    """The processes, the pretended world, and what an order would see of the prices."""

    def __init__(self, services: DevServices, stack: Stack) -> None:
        self.services, self.stack = services, stack
        self.world = Sandbox(stack.sandbox_url)
        self._more: list[subprocess.Popen[bytes]] = []

    def mark(self, symbol: str = "ETH/USD") -> MarkPrice | NoConsensus:
        """The mark price now, or why there is none."""
        return selectors.mark_prices([symbol])[symbol]

    def is_priced(self, symbol: str = "ETH/USD") -> bool:
        return isinstance(self.mark(symbol), MarkPrice)

    def reason(self, symbol: str = "ETH/USD") -> str:
        """Why there is no price; empty where there is one."""
        mark = self.mark(symbol)
        return mark.reason if isinstance(mark, NoConsensus) else ""

    def oldest_mark_s(self) -> float:
        """The age of the oldest mark of all open markets; a day where one has none."""
        marks = selectors.mark_prices([market.symbol for market in selectors.open_markets()])
        now_ms = clock.now_ms()
        ages = [(now_ms - mark.as_of_ms) / MS_PER_S for mark in marks.values() if isinstance(mark, MarkPrice)]
        return max(ages) if marks and len(ages) == len(marks) else 86_400.0

    def oldest_mark_over(self, seconds: float) -> float:
        """The oldest that any mark was while `seconds` went by."""
        ends, worst = clock.monotonic() + seconds, 0.0

        def watched() -> bool:
            nonlocal worst
            worst = max(worst, self.oldest_mark_s())
            return clock.monotonic() > ends

        wait_until(watched, seconds + 5, "the time goes by")
        return worst

    def stream(self) -> StreamStatus | None:
        """What the leading streamer says; None while Redis is away."""
        try:
            return read_stream()
        except redis.RedisDown:
            return None

    def leads(self, pid: int) -> bool:
        """Whether the process leads and its prices flow; what a dead leader said last is still there for a while."""
        stream = self.stream()
        if stream is None or not stream.leader.endswith(f":{pid}"):
            return False
        return stream.state == "streaming" and stream.is_flowing(clock.now_ms())

    def is_streaming(self) -> bool:
        return self.stack.alive("streamer") and self.leads(self.stack.pid("streamer"))

    def wake_poll(self, source: str) -> None:
        """As beat does every ten seconds; through the broker of these processes, which is not this process's own."""
        with app.connection_for_write(self.stack.environment["CELERY_BROKER_URL"]) as broker:
            tasks.poll_source.apply_async((source,), queue="feeds", connection=broker)

    def readyz(self) -> httpx.Response:
        return httpx.get(f"{self.stack.url}/readyz", timeout=5, trust_env=False)

    def another_streamer(self) -> subprocess.Popen[bytes]:
        """A second replica; ended with the drill."""
        argv = ["python", "manage.py", "stream_prices"]
        program = Program(name="streamer", argv=argv, environment=self.stack.environment, directory=CHECKOUT)
        with (self.stack.log_dir / "another-streamer.log").open("ab") as log:
            self._more.append(launch(program, log))
        return self._more[-1]

    def make_whole(self) -> None:
        """Whatever the drill before has broken works again, and every source has been heard lately."""
        for process in self._more:
            kill_group(process)
        self._more.clear()
        for server in self.services.servers:
            if not server.alive():
                server.restart()
        self.world.reset()
        # A source that failed in the drill before is paused; nobody waits for that here.
        for name in SOURCES:
            redis.client().hset(f"feeds:sources:{name}", mapping={"failures": 0, "paused_until_ms": 0})

        for name in PROCESSES:
            if not self.stack.alive(name):
                self.stack.start(name)

        def is_whole() -> bool:
            self.stack.revive()
            return self.is_streaming() and selectors.feed_status().state == "ok"

        try:
            wait_until(is_whole, WHOLE_WITHIN_S, "the feeds are whole")
        except AssertionError as error:
            raise AssertionError(f"{error}: {selectors.feed_status()}") from None


@pytest.fixture(scope="package")
def running(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: DjangoDbBlocker) -> Iterator[Feeds]:
    services = DevServices.temporary().start()
    try:
        with django_db_blocker.unblock(), connected(services):
            call_command("migrate", verbosity=0)
            stack = Stack(*PROCESSES, log_dir=tmp_path_factory.mktemp("logs"), environment=services.environment())
        with stack:
            with django_db_blocker.unblock(), connected(services), override_settings(**sandbox_urls(stack.sandbox_url)):
                close_sources()
                refresh_markets()
                close_sources()
            yield Feeds(services, stack)
    finally:
        services.remove()


@pytest.fixture
def feeds(running: Feeds, django_db_blocker: DjangoDbBlocker) -> Iterator[Feeds]:
    """The running feeds, whole; the models and selectors of this process are theirs."""
    with django_db_blocker.unblock(), connected(running.services):
        running.make_whole()
        yield running
        running.world.reset()


@contextlib.contextmanager
def connected(services: DevServices) -> Iterator[None]:
    with connected_to(services.environment()):
        yield
