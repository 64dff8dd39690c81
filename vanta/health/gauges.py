"""Gauges that are read when Prometheus scrapes: facts of the database, of Redis, of the broker, of the machine.

No process counts them: whichever web worker is asked answers the same. A part that cannot be read is left out, and
`vanta_scrape_failed` says which.
"""

import threading
from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from vanta import audit_watch, clock, heartbeat, queues
from vanta.health import book_gauges, feed_gauges, machine_gauges, trading_gauges
from vanta.health.families import Probe, Rarely, gauge, of_database
from vanta.health.slots import Slots

TIMEOUT_S = 1.5
KEPT_S = 3.0  # however many ask
SUMS_KEPT_S = 60.0
HEARTBEATS = ("workers", "signing", "dispatcher", "streamer")


class Scrape:
    """All gauges, read by one thread at a time for all who ask. Thread-safe."""

    def __init__(self) -> None:
        self._slots: Slots[list[Metric]] = Slots("scrape", max_threads=24)
        self._lock = threading.Lock()
        self._kept: tuple[float, list[Metric]] | None = None

    def metrics(self) -> Sequence[Metric]:
        """Not older than KEPT_S; after TIMEOUT_S at most, whatever hangs."""
        with self._lock:
            if self._kept is None or clock.monotonic() - self._kept[0] > KEPT_S:
                self._kept = clock.monotonic(), self._read()
            return self._kept[1]

    def forget(self) -> None:
        """Read everything anew next time."""
        with self._lock:
            self._kept = None
        _sums.forget()

    def _read(self) -> list[Metric]:
        outcomes = self._slots.run(PROBES, TIMEOUT_S)
        failed = GaugeMetricFamily("vanta_scrape_failed", "1 where this part could not be read.", labels=["part"])
        found: list[Metric] = [failed]
        for part, outcome in outcomes.items():
            failed.add_metric([part], 0 if outcome.error is None else 1)
            found += outcome.value or []
        return found


def exposition(metrics: Iterable[Metric]) -> bytes:
    """In Prometheus' text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Ready(metrics))
    return generate_latest(registry)


class _Ready(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
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


def _audit() -> list[Metric]:
    """What the standing look at the audit log's chain found; nothing before the first look."""
    watch = audit_watch.last_look()
    if watch is None:
        return []
    return [
        gauge("vanta_audit_broken", "1 where the audit log's chain is broken.", [], {(): int(bool(watch.problem))}),
        gauge("vanta_audit_look_age_seconds", "Since somebody looked at the audit log's chain.", [], {(): watch.age_s}),
    ]


_sums = Rarely(of_database(book_gauges.sums), SUMS_KEPT_S)
PROBES: dict[str, Probe] = {
    "queues": _queue_depths,
    "heartbeats": _heartbeats,
    "audit": _audit,
    "controls": of_database(trading_gauges.controls),
    "orders": of_database(trading_gauges.orders),
    "messages": of_database(trading_gauges.messages),
    "denials": of_database(trading_gauges.denials),
    "disputes": of_database(book_gauges.disputes),
    "delegates": of_database(book_gauges.delegates),
    "sums": _sums,
    "feed_sources": feed_gauges.sources,
    "feed_stream": feed_gauges.stream,
    "feed_markets": of_database(feed_gauges.markets),
    "feed_classes": of_database(feed_gauges.classes),
    "machine": machine_gauges.machine,
    "processes": machine_gauges.processes,
}
