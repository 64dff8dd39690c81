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
    """A costly probe whose answer is kept for `seconds`; one that comes too late for a scrape is there for the next.

    A failure is kept as well: what takes too long for PostgreSQL must not be asked again every few seconds.
    """

    def __init__(self, probe: Probe, seconds: float) -> None:
        self._probe, self._seconds = probe, seconds
        self._lock = threading.Lock()
        self._ask_at = 0.0
        self._answer: list[Metric] | Exception = []

    def __call__(self) -> list[Metric]:
        with self._lock:
            if clock.monotonic() >= self._ask_at:
                self._answer = self._ask()
                self._ask_at = clock.monotonic() + self._seconds
            if isinstance(self._answer, Exception):
                raise self._answer
            return self._answer

    def _ask(self) -> list[Metric] | Exception:
        try:
            return self._probe()
        except Exception as error:
            return error

    def forget(self) -> None:
        """Ask again next time."""
        with self._lock:
            self._ask_at = 0.0
