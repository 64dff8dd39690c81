"""Gauges that are read when Prometheus scrapes: what waits, by queue, by state, in the outbox; how prices come in.

A part that cannot be read is left out, and `vanta_scrape_failed` says which.
"""

from collections.abc import Callable, Iterable

from django.db.models import Count, Min
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from trading.models import Order, OutboxMessage, Position, TelegramUpdate
from trading.order_state import PENDING
from vanta import clock, heartbeat, queues
from vanta.health import feed_gauges
from vanta.health.slots import Slots

TIMEOUT_S = 1.5
HEARTBEATS = ("workers", "signing", "dispatcher", "streamer")
Probe = Callable[[], list[Metric]]

_slots: Slots[list[Metric]] = Slots("scrape", max_threads=12)


def exposition() -> bytes:
    """The gauges in Prometheus' text format, after TIMEOUT_S at most."""
    outcomes = _slots.run(PROBES, TIMEOUT_S)
    failed = GaugeMetricFamily("vanta_scrape_failed", "1 where this part could not be read.", labels=["part"])
    metrics: list[Metric] = [failed]
    for part, outcome in outcomes.items():
        failed.add_metric([part], 0 if outcome.error is None else 1)
        metrics += outcome.value or []
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Ready(metrics))
    return generate_latest(registry)


class _Ready(Collector):
    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _queue_depths() -> list[Metric]:
    depth = GaugeMetricFamily("vanta_queue_depth", "Messages waiting in a queue of the broker.", labels=["queue"])
    for name, waiting in queues.depths().items():
        depth.add_metric([name], waiting)
    return [depth]


def _heartbeats() -> list[Metric]:
    age = GaugeMetricFamily("vanta_heartbeat_age_seconds", "Since this process last said it is alive.", labels=["name"])
    for name in HEARTBEATS:
        seconds = heartbeat.age_s(name)
        if seconds is not None:
            age.add_metric([name], seconds)
    return [age]


def _orders() -> list[Metric]:
    pending = GaugeMetricFamily("vanta_orders_pending", "Orders decided and not ended.", labels=["state", "mode"])
    counts = Order.objects.filter(state__in=PENDING).values_list("state", "mode").annotate(count=Count("pk"))
    for state, mode, count in counts.order_by("state", "mode"):
        pending.add_metric([state, mode], count)
    positions = GaugeMetricFamily("vanta_positions_open", "Open positions.", labels=["mode"])
    held = Position.objects.filter(status=Position.Status.OPEN).values_list("mode").annotate(count=Count("pk"))
    for mode, count in held.order_by("mode"):
        positions.add_metric([mode], count)
    return [pending, positions]


def _inbox_and_outbox() -> list[Metric]:
    outbox = OutboxMessage.objects.filter(status="pending").aggregate(count=Count("pk"), since=Min("created_at"))
    inbox = TelegramUpdate.objects.filter(status="new").aggregate(count=Count("pk"), since=Min("received_at"))
    found: list[Metric] = []
    for name, what, rows in (("outbox", "Messages owed to chats", outbox), ("inbox", "Updates not yet handled", inbox)):
        age_s = (clock.now() - rows["since"]).total_seconds() if rows["since"] else 0
        found.append(GaugeMetricFamily(f"vanta_{name}_pending", f"{what}.", value=rows["count"]))
        found.append(GaugeMetricFamily(f"vanta_{name}_oldest_seconds", f"{what}: age of the oldest.", value=age_s))
    return found


PROBES: dict[str, Probe] = {
    "queues": _queue_depths,
    "heartbeats": _heartbeats,
    "orders": _orders,
    "messages": _inbox_and_outbox,
    "feed_sources": feed_gauges.sources,
    "feed_stream": feed_gauges.stream,
    "feed_markets": feed_gauges.markets,
}
