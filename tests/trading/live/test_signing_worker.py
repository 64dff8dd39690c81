"""The signing worker as a process: killed wherever it stands, and without its broker."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from django.conf import settings
from pytest_django import Settings

from tests.stack import Stack
from tests.trading.conftest import SetPrice
from tests.trading.live.world import LiveTrader
from tests.trading.pipeline import assert_books_balance
from tests.waiting import wait_until
from trading.models import Attempt, Intent, Order, Position, VenueEvent
from vanta import clock, wake
from vanta.embedded.host import free_port
from vanta.supervision.environment import sandbox_urls

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes, pytest.mark.timeout(300)]
WORKER = "worker-signing"


def stack(live: LiveTrader, log_dir: Path, *names: str, **environment: str) -> Stack:
    keys = {"KEY_ENCRYPTION_KEYS": settings.KEY_ENCRYPTION_KEYS, "SIGNING_CONCURRENCY": "1"}
    return Stack(*names, log_dir=log_dir, environment={**sandbox_urls(live.sandbox.url), **keys, **environment})


def has_ended(order: Order) -> bool:
    order.refresh_from_db()
    return order.ended_at is not None


STEPS: dict[str, Callable[[LiveTrader, Order], bool]] = {
    "it was told": lambda _, order: True,
    "the message was committed": lambda _, order: Intent.objects.filter(order=order).exists(),
    "an attempt was committed": lambda _, order: Attempt.objects.filter(intent__order=order).exists(),
    "the venue took it": lambda _, order: Attempt.objects.filter(intent__order=order).exclude(tracking_id="").exists(),
    "the venue executed it": lambda live, order: len(live.effects) > 0,
    "an event was stored": lambda _, order: VenueEvent.objects.filter(intent__order=order, seq__gt=0).exists(),
}


@pytest.mark.crash
def test_killed_after_each_step_every_order_is_executed_once(
    live: LiveTrader, tmp_path: Path, price: SetPrice, settings: Settings
) -> None:
    settings.OPENS_PER_MINUTE = len(STEPS)
    with stack(live, tmp_path, WORKER, "dispatcher") as running:
        for number, (step, reached) in enumerate(STEPS.items()):
            price("ETH/USD", "3000")
            order = live.approve("/long ETH 100 10x")
            wait_until(lambda: reached(live, order), 30, step)  # noqa: B023
            running.kill(WORKER)
            Order.objects.filter(pk=order.pk).update(next_check_at=clock.now())  # its lease would end by itself
            running.start(WORKER)
            wait_until(lambda: has_ended(order), 90, f"the order ends that was killed after {step}")  # noqa: B023
            assert order.state == "FILLED", step
            assert [effect["kind"] for effect in live.effects] == ["open", "close"] * number + ["open"], step
            assert order.position is not None
            closing = live.close(order.position)
            wait_until(lambda: has_ended(closing), 60, "the closing ends")  # noqa: B023
            # The venue names a trade by its index and the second of its block: the next one gets another name.
            begun_s = order.position.venue_opened_at_s or 0
            wait_until(lambda: clock.now().timestamp() > begun_s + 3, 10, "the block is over")  # noqa: B023
    assert live.booked == live.balance
    assert not Position.objects.filter(status="open").exists()
    assert_books_balance()


@contextmanager
def broker_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patched:
        patched.setitem(wake._paused_until, "broker", float("inf"))
        yield


def test_a_closing_leaves_without_a_broker(live: LiveTrader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    position = live.opened()
    nowhere = f"redis://127.0.0.1:{free_port()}/0"
    with stack(live, tmp_path, CELERY_BROKER_URL=nowhere) as running, broker_away(monkeypatch):
        running.launch(WORKER)
        closing = live.close(position)
        wait_until(lambda: has_ended(closing), 60, "the closing ends without a broker")
        assert psutil.Process(running.pid(WORKER)).children() == []  # a fork would copy the locks of its threads
    assert closing.state == "FILLED"
    assert live.booked == live.balance
