"""Two hundred orders at once, everything delivered three times, a worker and Redis killed: each fills exactly once."""

import contextlib
import random
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.trading.processes.outside import assert_books_balance, confirmation, filled, new_trader
from tests.trading.processes.system import System
from tests.waiting import wait_until
from trading.models import Fill, Intent, Order, OutboxMessage, PaperExecution, Position, TelegramUpdate, Trader

TRADERS, ORDERS_EACH, DELIVERIES = 50, 4, 3
ORDERS = TRADERS * ORDERS_EACH
HALF = ORDERS // 2
QUEUES = 40  # Telegram's connections: deliveries of different queues overtake each other


@pytest.mark.processes
@pytest.mark.crash
@pytest.mark.timeout(120)
def test_two_hundred_confirmed_orders_each_fill_exactly_once(vanta: System) -> None:
    vanta.control("POST", "/freeze", {"frozen": True})
    traders = [new_trader() for _ in range(TRADERS)]
    drafts = [vanta.draft(trader) for trader in traders for _ in range(ORDERS_EACH)]
    wanted = [order.pk for order in drafts]
    confirmations = [confirmation(order) for order in random.sample(drafts, ORDERS)]

    with delivering(vanta, confirmations[:HALF]):
        wait_until(lambda: filled(wanted) > 10, 20, "some orders are filled")
        vanta.stack.kill("worker-trading")
        assert filled(wanted) < HALF, "all were done before the worker was killed"
        vanta.stack.start("worker-trading")
    wait_until(lambda: filled(wanted) == HALF, 20, "the new worker has filled the rest")
    with delivering(vanta, confirmations[HALF:]):
        wait_until(lambda: filled(wanted) > HALF, 20, "more orders are filled")
        vanta.services.redis.kill()
        assert filled(wanted) < ORDERS, "all were done before Redis was killed"
        vanta.services.redis.restart()
    vanta.wait_filled(*drafts, within_s=40)
    vanta.wait_quiet()

    ours = {"order__in": wanted}
    assert Order.objects.filter(pk__in=wanted, state="FILLED").count() == ORDERS
    assert sorted(Fill.objects.filter(**ours).values_list("order_id", flat=True)) == wanted
    assert sorted(Intent.objects.filter(**ours).values_list("order_id", flat=True)) == wanted
    nonces = Intent.objects.filter(**ours).values("nonce")
    assert PaperExecution.objects.filter(nonce__in=nonces).count() == ORDERS
    assert Position.objects.filter(trader__in=traders, status="open").count() == ORDERS
    assert TelegramUpdate.objects.filter(update_id__in=[u["update_id"] for u in confirmations]).count() == ORDERS
    assert_books_balance()
    for trader in traders:
        assert_told_of_every_fill(vanta, trader, [order.pk for order in drafts if order.trader == trader])


@contextlib.contextmanager
def delivering(vanta: System, updates: list[dict[str, Any]]) -> Iterator[None]:
    """Meanwhile Telegram delivers these three times each, in any order."""
    deliveries = updates * DELIVERIES
    random.shuffle(deliveries)

    def deliver() -> None:
        for update in deliveries:
            vanta.delivers(update, random.randrange(QUEUES))

    telegram = threading.Thread(target=deliver)
    telegram.start()
    try:
        yield
    finally:
        telegram.join()


def assert_told_of_every_fill(vanta: System, trader: Trader, wanted: list[int]) -> None:
    """The chat's cards say, each once, that its order is filled."""
    assert not OutboxMessage.objects.filter(chat_id=trader.chat_id).exclude(status="sent").exists()
    shown = vanta.messages(trader)
    assert sorted(shown.count(text) for text in shown) == [1] * len(wanted)
    for number in wanted:
        assert any("Filled" in text and f"order #{number}" in text.splitlines()[0] for text in shown), shown
