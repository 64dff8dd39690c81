"""All of Vanta's processes on a PostgreSQL and a Redis of the tests' own."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.test import override_settings

from feeds.services import refresh_markets
from feeds.sources import close_sources
from tests.stack import Stack
from tests.trading.processes.outside import Outside, confirmation, connected_to, filled
from tests.waiting import wait_until
from trading.models import Order, OutboxMessage, TelegramUpdate, Trader
from vanta.devservices import DevServices
from vanta.supervision.environment import sandbox_urls

PROCESSES = (
    *("sandbox", "web", "worker-feeds", "worker-maintenance", "worker-trading", "worker-messages"),
    *("streamer", "beat", "dispatcher"),
)


class System(Outside):
    """The running whole, which a test may break: processes that end are started again as their supervisor would."""

    def __init__(self, services: DevServices, log_dir: Path) -> None:
        self.services = services
        with self.connected():
            call_command("migrate", verbosity=0)
            self.stack = Stack(*PROCESSES, log_dir=log_dir, environment=services.environment())
        super().__init__(self.stack.url, self.stack.sandbox_url)

    @contextlib.contextmanager
    def connected(self) -> Iterator[None]:
        """Inside, models and feeds are those of the running processes."""
        with connected_to(self.services.environment()):
            yield

    def learn_markets(self) -> None:
        """Store the sandbox's catalogue, which beat does for the first time after half a minute."""
        with self.connected(), override_settings(**sandbox_urls(self.sandbox_url)):
            close_sources()
            refresh_markets()
            close_sources()

    def make_whole(self) -> None:
        """Whatever the test before has broken works again."""
        for server in self.services.servers:
            if not server.alive():
                server.restart()
        if self.stack.revive():
            for name in PROCESSES:
                self.stack.wait_ready(name)
        self.control("DELETE", "/faults")
        self.control("POST", "/freeze", {"frozen": False})
        self.wait_for_price()

    def opened(self, trader: Trader, **changes: Any) -> Order:
        """An order that the trader has confirmed and that is filled."""
        order = self.draft(trader, **changes)
        self.post(confirmation(order)).raise_for_status()
        self.wait_filled(order)
        order.refresh_from_db()
        return order

    def wait_filled(self, *orders: Order, within_s: float = 20) -> None:
        """Until every order is filled."""
        wanted = [order.pk for order in orders]

        def settled() -> bool:
            self.stack.revive()
            return filled(wanted) == len(wanted)

        try:
            wait_until(settled, within_s, "all orders are filled")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self._state_of(wanted)}") from None

    def wait_quiet(self, within_s: float = 30) -> None:
        """Until no update waits and no message is owed."""

        def quiet() -> bool:
            self.stack.revive()
            waiting = TelegramUpdate.objects.filter(status="new").exists()
            return not waiting and not OutboxMessage.objects.filter(status="pending").exists()

        wait_until(quiet, within_s, "every update is handled and every message sent")

    def _state_of(self, wanted: list[int]) -> str:
        odd = Order.objects.filter(pk__in=wanted).exclude(state="FILLED").values_list("pk", "state", "reason")[:20]
        waiting = TelegramUpdate.objects.filter(status="new").count()
        alive = {name: self.stack.alive(name) for name in PROCESSES}
        return f"orders {list(odd)}, {waiting} updates wait, processes {alive}"
