"""Gauges with labels from rows, and probes that are asked rarely or may not burden the database."""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from typing import Any

from django.db import connection
from prometheus_client.core import GaugeMetricFamily, Metric

from vanta import clock

Probe = Callable[[], list[Metric]]
Rows = Mapping[Any, float]  # by a text or a tuple of texts
STATEMENT_MS = 5000


def gauge(name: str, what: str, labels: Sequence[str], rows: Rows) -> GaugeMetricFamily:
    """One sample for each row; its key is the labels' values, or that of the only label."""
    family = GaugeMetricFamily(name, what, labels=labels)
    for values, number in rows.items():
        family.add_metric([values] if isinstance(values, str) else list(values), number)
    return family


def over(names: Iterable[str], rows: Mapping[str, float]) -> dict[str, float]:
    """The rows with 0 for each of `names` that has none: what an alert compares has to be there."""
    return {**dict.fromkeys(names, 0), **rows}


def of_database(probe: Probe) -> Probe:
    """A probe whose statements PostgreSQL ends after STATEMENT_MS: nobody waits for the answer any more."""

    @wraps(probe)
    def bounded() -> list[Metric]:
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = %s", [STATEMENT_MS])
        return probe()

    return bounded


class Rarely:
    """A costly probe whose answer is kept for `seconds`; one that comes too late for a scrape is there for the next."""

    def __init__(self, probe: Probe, seconds: float) -> None:
        self._probe, self._seconds = probe, seconds
        self._lock = threading.Lock()
        self._kept: tuple[float, list[Metric]] | None = None

    def __call__(self) -> list[Metric]:
        with self._lock:
            if self._kept is None or clock.monotonic() - self._kept[0] > self._seconds:
                self._kept = clock.monotonic(), self._probe()
            return self._kept[1]

    def forget(self) -> None:
        """Ask again next time."""
        with self._lock:
            self._kept = None
