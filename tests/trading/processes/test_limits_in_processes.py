"""Fifty confirmations at the same moment where ten fit, decided by several processes: ten are approved.

A chat is handled in order, so one trader's taps alone never race. Here thirty taps come through the webhook to the
trading worker, while two more processes decide on ten drafts of the same trader each. The trader's row is held until
all three stand before it, so that they do race.
"""

import datetime as dt
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection, transaction

from risk.models import EnvironmentLimits
from tests.factories import set_limits
from tests.stack import CHECKOUT
from tests.trading.interleavings import WIDE
from tests.trading.ledger_audit import violations
from tests.trading.processes.outside import assert_books_balance, confirmation, new_trader
from tests.trading.processes.system import PROCESSES, System
from tests.waiting import wait_until
from trading.models import Order
from trading.models.loading import lock_traders
from vanta import clock

D = Decimal
ORDERS, FIT, TAPS = 50, 10, 30
RACERS = 3  # the worker, and two processes
# What binds, the order that ten times fits, and what the trader's policy says; fees leave room for ten, not for eleven.
BINDING: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "margin": ({"collateral_usd": D(995), "leverage": D(1)}, {}),
    "daily_loss": ({"collateral_usd": D(99), "leverage": D(2)}, {"max_daily_loss_pct": D("0.1")}),
    "position_size": ({"collateral_usd": D(100), "leverage": D(10)}, {"max_position_size_usd": D(10_000)}),
    "hourly_volume": ({"collateral_usd": D(100), "leverage": D(10)}, {"hourly_volume_usd": D(10_000)}),
}


@pytest.mark.processes
@pytest.mark.parametrize("limit", BINDING)
def test_of_fifty_confirmed_at_once_ten_are_approved(vanta: System, limit: str) -> None:
    wish, limits = BINDING[limit]
    vanta.control("POST", "/freeze", {"frozen": True})
    trader = new_trader()
    history = [set_limits(trader, **WIDE | limits)]
    if limit == "margin":  # with a stop: all that the account has may be used, and little is at stake
        wish = wish | {"stop_loss": round(vanta.wait_for_price() * D("0.98"), 2)}
    valid_until = clock.now() + dt.timedelta(minutes=5)  # on a slow machine too
    drafts = [vanta.draft(trader, valid_until=valid_until, **wish) for _ in range(ORDERS)]
    wanted = [order.pk for order in drafts]
    others = [wanted[TAPS::2], wanted[TAPS + 1 :: 2]]

    with ExitStack() as stack:
        processes = [stack.enter_context(confirming(vanta, theirs)) for theirs in others]
        with transaction.atomic():
            lock_traders([trader.pk])
            with ThreadPoolExecutor(TAPS) as taps:
                answers = list(taps.map(vanta.post, map(confirmation, drafts[:TAPS])))
            for process in processes:
                process.communicate_go()
            wait_until(lambda: standing_before_a_row() >= RACERS, 30, "all stand before the trader's row")
        assert [process.wait(60) for process in processes] == [0, 0]

    assert {answer.status_code for answer in answers} == {200}
    wait_until(lambda: not Order.objects.filter(pk__in=wanted, state="DRAFT").exists(), 40, "all are decided")
    vanta.wait_quiet()
    reasons = Counter(Order.objects.filter(pk__in=wanted, state="DENIED").values_list("reason", flat=True))
    assert reasons == {limit: ORDERS - FIT}
    assert Order.objects.filter(pk__in=wanted, state="FILLED").count() == FIT
    assert violations([trader.pk], history) == []
    assert_books_balance()


@pytest.mark.processes
def test_processes_that_start_together_say_once_which_limits_they_have(vanta: System) -> None:
    assert list(EnvironmentLimits.objects.values_list("kind", flat=True)) == ["baseline"]
    logs = "".join(vanta.stack.log(name) for name in PROCESSES)
    assert logs.count("environment_limits_recorded") == 1
    assert "environment_limits_not_recorded" not in logs


class Confirming(subprocess.Popen[str]):
    """A process of `confirming`, which waits for a word."""

    def communicate_go(self) -> None:
        """Let it begin."""
        assert self.stdin is not None
        self.stdin.write("go\n")
        self.stdin.flush()


@contextmanager
def confirming(vanta: System, wanted: Sequence[int]) -> Iterator[Confirming]:
    """A process that is ready to decide on these drafts; ended with the block."""
    argv = [sys.executable, "-m", "tests.trading.processes.confirming", *map(str, wanted)]
    environment = {**vanta.stack.environment, "DJANGO_SETTINGS_MODULE": "vanta.settings"}
    process = Confirming(argv, cwd=CHECKOUT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        while (line := process.stdout.readline()) != "ready\n":
            assert line, "it ended before it was ready"
        yield process
    finally:
        process.kill()
        process.wait(10)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def standing_before_a_row() -> int:
    """How many connections wait for a lock that another holds; the server is this package's own."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")
        return int(cursor.fetchone()[0])
