"""`manage.py up` under load: kill -9 of every process loses nothing; SIGTERM ends it in time and leaves no orphan."""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import httpx
import psutil
import pytest
from pytest_django import DjangoDbBlocker

from tests.stack import CHECKOUT
from tests.trading.processes.outside import (
    Outside,
    assert_books_balance,
    confirmation,
    connected_to,
    filled,
    new_trader,
)
from tests.waiting import wait_until
from trading.models import Fill, Intent, Order, TelegramUpdate
from trading.order_state import PENDING
from vanta import clock
from vanta.devservices import DevServices
from vanta.embedded.host import free_port
from vanta.supervision.environment import read_dotenv

READY_WITHIN_S = 60
STOPPED_WITHIN_S = 20
TRADERS, ORDERS_EACH = 15, 4
# What the test run has set for its own servers: `up` would take it for a person's choice.
OURS = ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "VANTA_STATE_DIR", "ENVIRONMENT", "SECRET_KEY")
SECRETS = ("AUDIT_HMAC_KEY", "TELEGRAM_BOT_TOKEN", "TELEGRAM_WEBHOOK_SECRET")


class Run:
    """One `manage.py up` on a state directory, from its first line to its end."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        self.log = state_dir / f"up-{clock.now_ms()}.log"
        plain = {name: value for name, value in os.environ.items() if name not in (*OURS, *SECRETS)}
        ports = {name: str(free_port()) for name in ("PORT", "SANDBOX_PORT", "FLOWER_PORT")}
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up"],
                cwd=CHECKOUT,
                env={**plain, **ports, "HEALTH_PORT": ports["PORT"], "VANTA_STATE_DIR": str(state_dir)},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.family: list[psutil.Process] = []

    def wait_ready(self) -> Self:
        """Until it says that it is ready, with the addresses it has chosen."""
        wait_until(lambda: "Vanta is ready" in self._said() or self.process.poll() is not None, READY_WITHIN_S, "ready")
        assert self.process.poll() is None, self._said()[-3000:]
        self.look_again()
        self.environment = read_dotenv(self.state_dir / "run.env")
        return self

    def look_again(self) -> None:
        """Which processes it has now."""
        own = psutil.Process(self.process.pid)
        self.family = [own, *own.children(recursive=True)]

    def outside(self) -> Outside:
        """Its webhook and sandbox."""
        return Outside(self.environment["PUBLIC_BASE_URL"], self.environment["SANDBOX_URL"])

    def kill_all(self) -> None:
        """SIGKILL to every process at once, PostgreSQL and Redis included."""
        for process in self.family:
            with contextlib.suppress(psutil.NoSuchProcess):  # a pool process that was replaced meanwhile
                process.kill()
        self.process.wait()

    def left_over(self) -> list[str]:
        """Which of its processes still run."""
        return [process.name() for process in self.family if process.is_running() and process.status() != "zombie"]

    def _said(self) -> str:
        return self.log.read_text(errors="replace")


@contextlib.contextmanager
def confirming(outside: Outside, orders: list[Order]) -> Iterator[list[int]]:
    """Traders confirm all of `orders` one after the other, from another thread; those that were answered 200."""
    answered: list[int] = []
    updates = [confirmation(order) for order in orders]

    def confirm() -> None:
        with contextlib.suppress(httpx.HTTPError):  # it was killed or stopped: Telegram would come again
            for update in updates:
                if outside.post(update).status_code == httpx.codes.OK:
                    answered.append(update["update_id"])

    thread = threading.Thread(target=confirm)
    thread.start()
    try:
        yield answered
    finally:
        thread.join()


def draft_many(outside: Outside) -> list[Order]:
    orders = [outside.draft(trader) for trader in [new_trader() for _ in range(TRADERS)] for _ in range(ORDERS_EACH)]
    outside.control("POST", "/freeze", {"frozen": True})
    return orders


@pytest.mark.processes
@pytest.mark.crash
@pytest.mark.timeout(240)
def test_up_loses_no_order_whether_it_is_killed_or_stopped_under_load(
    tmp_path: Path, django_db_blocker: DjangoDbBlocker
) -> None:
    run = Run(tmp_path).wait_ready()
    try:
        with django_db_blocker.unblock(), connected_to(run.environment):
            outside = run.outside()
            before = draft_many(outside)
            with confirming(outside, before) as stored:
                wait_until(lambda: filled([order.pk for order in before]) > 5, 20, "orders are being filled")
                run.kill_all()

        run = Run(tmp_path).wait_ready()
        with django_db_blocker.unblock(), connected_to(run.environment):
            outside = run.outside()
            assert TelegramUpdate.objects.filter(update_id__in=stored).count() == len(stored)
            wait_until(all_settled, 30, "what the kill has left is settled")
            assert_no_order_twice()

            after = draft_many(outside)
            with confirming(outside, after) as stored:
                wait_until(lambda: filled([order.pk for order in after]) > 5, 20, "orders are being filled")
                run.look_again()
                stopped_at = clock.monotonic()
                run.process.terminate()
                run.process.wait(STOPPED_WITHIN_S)
                took_s = clock.monotonic() - stopped_at
    finally:
        if run.process.poll() is None:
            run.kill_all()
    assert run.process.returncode == 0
    assert took_s < STOPPED_WITHIN_S
    assert run.left_over() == []
    with (
        DevServices(tmp_path, redis=False) as services,
        django_db_blocker.unblock(),
        connected_to(services.environment()),
    ):
        assert TelegramUpdate.objects.filter(update_id__in=stored).count() == len(stored)
        assert not Order.objects.filter(state__in=["SUBMITTING", "UNKNOWN"]).exists(), "a task was cut off"
        assert_no_order_twice()


def all_settled() -> bool:
    waiting = TelegramUpdate.objects.filter(status="new").exists()
    return not waiting and not Order.objects.filter(state__in=PENDING).exists()


def assert_no_order_twice() -> None:
    for rows in (Fill, Intent):
        ids = list(rows.objects.values_list("order_id", flat=True))
        assert len(ids) == len(set(ids))
    assert set(Fill.objects.values_list("order_id", flat=True)) == set(
        Order.objects.filter(state="FILLED").values_list("pk", flat=True)
    )
    assert_books_balance()
