"""The figures of the order's path, each a ratio to a baseline that is measured in the same run."""

import os
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

import redis

from tests.bench.load import Connection, message_update, post_request, send_all, tap_update
from tests.bench.parts import part
from tests.stack import Stack
from tests.waiting import wait_until
from trading.models import Fill, Order, OrderEvent, OutboxMessage
from trading.order_state import OrderState
from trading.telegram.webhook import SECRET_HEADER
from vanta.celery import app

NOOP = "celery.accumulate"  # built into every worker, does nothing
NOOPS = 2000
ORDERS = 300
ORDERS_PER_TRADER = 5  # what the production limits let a trader open in a minute
CLIENTS = 8
WEB_REQUESTS = 3000
WEB_CLIENTS = 16
LIGHT_SAMPLES = 150
LIGHT_PAUSE_S = 0.05
DRAFTS_AT_ONCE = 25
PERCENTILE_99 = 98
FIRST_TRADER = 50_000


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table; `baseline` is what the value was divided by."""

    value: float
    unit: str
    baseline: str


@dataclass(slots=True)
class Bench:
    """The running processes and the numbers that updates and traders get."""

    stack: Stack
    secret: str
    updates: Iterator[int] = field(default_factory=lambda: count(time.time_ns() // 1_000_000))
    traders: Iterator[int] = field(default_factory=lambda: count(FIRST_TRADER))

    def post(self, body: bytes) -> bytes:
        return post_request("/telegram/webhook/", body, {SECRET_HEADER: self.secret})

    def drafts(self, orders: int) -> list[Order]:
        """`orders` confirmable drafts of as many traders as the rate limits need."""
        traders = [next(self.traders) for _ in range(-(-orders // ORDERS_PER_TRADER))]
        chosen = [traders[number // ORDERS_PER_TRADER] for number in range(orders)]
        texts = [message_update(next(self.updates), trader, "/long ETH 100 10x sl=5%") for trader in chosen]
        send_all(self.stack.port, [self.post(text) for text in texts], clients=CLIENTS)
        drafts = Order.objects.filter(trader__telegram_id__in=traders)
        wait_until(lambda: drafts.count() == orders, 60, "all drafts are there")
        return list(drafts.select_related("trader"))

    def confirmation(self, order: Order) -> bytes:
        return self.post(tap_update(next(self.updates), order.trader.telegram_id, 1, f"confirm:{order.pk}"))


def noop_tasks_per_s() -> float:
    """No-op tasks executed per second, published and drained at once on the queue that trading has."""
    client = redis.Redis.from_url(os.environ["CELERY_BROKER_URL"])
    started = time.perf_counter()
    for _ in range(NOOPS):
        app.send_task(NOOP, queue="orders")
    wait_until(lambda: not client.llen("orders") and not client.hlen("unacked"), 60, "the queue is empty")
    return NOOPS / (time.perf_counter() - started)


def orders_per_s(bench: Bench) -> tuple[float, float]:
    """DRY orders filled per second through the webhook: from the first confirmation sent to the last fill booked.

    The second figure has the typed order and its preview in it as well.
    """
    began = time.perf_counter()
    drafts = bench.drafts(ORDERS)
    drafted_s = time.perf_counter() - began
    requests = [bench.confirmation(order) for order in drafts]
    ids = [order.pk for order in drafts]
    started = time.perf_counter()
    send_all(bench.stack.port, requests, clients=CLIENTS)
    ended = OrderEvent.objects.filter(
        order__in=ids, to_state__in=[OrderState.FILLED, OrderState.REJECTED, OrderState.DENIED, OrderState.EXPIRED]
    )
    wait_until(lambda: ended.count() == ORDERS, 60, "all orders have ended")
    seconds = time.perf_counter() - started
    filled = Fill.objects.filter(order__in=ids).count()
    reasons = Counter(Order.objects.filter(pk__in=ids).exclude(state=OrderState.FILLED).values_list("state", "reason"))
    assert filled == ORDERS, f"only {filled} of {ORDERS} were filled: {reasons}"
    return filled / seconds, filled / (drafted_s + seconds)


def task_p99_s() -> float:
    """Publishing to executed, one task at a time; the task sets one key in Redis."""
    client = redis.Redis.from_url(os.environ["REDIS_URL"])

    def once() -> float:
        client.delete("heartbeat:workers")
        started = time.perf_counter()
        app.send_task("trading.tasks.canary", queue="orders")
        while not client.exists("heartbeat:workers"):
            assert time.perf_counter() - started < 10, "no worker took the task"
        return time.perf_counter() - started

    return p99(paced(once))


def fill_p99_s(bench: Bench) -> float:
    """From sending the confirmation to the booked fill, one order at a time."""
    drafts: list[Order] = []
    connection = Connection(bench.stack.port)

    def once() -> float:
        if not drafts:
            drafts.extend(bench.drafts(DRAFTS_AT_ONCE))  # few, so that none expires while it waits
            pending = OutboxMessage.objects.filter(status=OutboxMessage.Status.PENDING)
            wait_until(lambda: not pending.exists(), 30, "the previews are sent, and nothing else is at work")
        order = drafts.pop()
        sent_at = time.time()
        assert connection.send(bench.confirmation(order)) == 200
        filled = OrderEvent.objects.filter(order=order, to_state=OrderState.FILLED)
        wait_until(filled.exists, 10, "the order is filled")
        return filled.get().at.timestamp() - sent_at

    return p99(paced(once))


def paced(sample: Callable[[], float]) -> list[float]:
    """Samples with pauses between them: lightly loaded."""
    taken, pause = [], threading.Event()
    for _ in range(LIGHT_SAMPLES):
        taken.append(sample())
        pause.wait(LIGHT_PAUSE_S)
    return taken


def p99(samples: Sequence[float]) -> float:
    return statistics.quantiles(samples, n=100)[PERCENTILE_99]


def webhook_and_baseline(bench: Bench) -> tuple[float, float]:
    """Requests per second: the webhook's, and a view's that does one INSERT; taken in turns.

    With the trading worker running, what it does with the updates takes its part of the machine; the view has no such
    sequel. Without it, this is the webhook's own cost.
    """
    rates: dict[str, list[float]] = {"webhook": [], "insert": []}
    for _ in range(3):
        # An update that nobody answers: the webhook is measured, not what follows from it.
        bodies = [b'{"update_id": %d, "poll": {}}' % next(bench.updates) for _ in range(WEB_REQUESTS // 3)]
        seconds = send_all(bench.stack.port, [bench.post(body) for body in bodies], clients=WEB_CLIENTS)
        rates["webhook"].append(len(bodies) / seconds)
        inserts = [post_request("/bench/one-insert/", body, {}) for body in bodies]
        rates["insert"].append(len(inserts) / send_all(bench.stack.port, inserts, clients=WEB_CLIENTS))
    return statistics.median(rates["webhook"]), statistics.median(rates["insert"])


def figures(bench: Bench) -> dict[str, Figure]:
    """All figures, in the order in which they are printed."""
    with part("warming up"):
        bench.drafts(20)  # every process on the way
    with part("no-op tasks"):
        noops = noop_tasks_per_s()
    with part("orders"):
        orders, previewed = orders_per_s(bench)
    with part("one task at a time"):
        task = task_p99_s()
    with part("one order at a time"):
        fill = fill_p99_s(bench)
    with part("webhook"):
        webhook, insert = webhook_and_baseline(bench)
        bench.stack.terminate("worker-trading")
        alone, insert_alone = webhook_and_baseline(bench)
    return {
        "orders_per_noop_task": Figure(orders / noops, "ratio", f"{noops:.0f} no-op tasks/s"),
        "previewed_orders_per_noop_task": Figure(previewed / noops, "ratio", f"{noops:.0f} no-op tasks/s"),
        "fill_p99_over_task_p99": Figure(fill / task, "ratio", f"{task * 1000:.1f} ms task p99"),
        "webhook_over_one_insert_view": Figure(webhook / insert, "ratio", f"{insert:.0f} INSERT requests/s"),
        "webhook_alone_over_one_insert_view": Figure(
            alone / insert_alone, "ratio", f"{insert_alone:.0f} INSERT requests/s"
        ),
        "orders_per_s": Figure(orders, "orders/s", "—"),
        "fill_p99_ms": Figure(fill * 1000, "ms", "—"),
        "webhook_per_s": Figure(webhook, "requests/s", "—"),
    }


__all__ = ["Bench", "Figure", "figures"]
