"""All checks as one report: what fails, whether orders can be taken, how long each check took.

Never more than TIMEOUT_S, whatever hangs; kept for KEPT_S, so that probes are no load however many there are.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import structlog
from django.conf import settings
from health_check.exceptions import HealthCheckException, ServiceWarning

from vanta import clock
from vanta.health.dependencies import Beat, Broker, Check, CriticalNow, Database, Feeds, Heartbeat, Redis, Signing
from vanta.health.slots import Outcome, Slots
from vanta.health.surroundings import Blockchain, Disk, Memory, Reachable, Supervisor
from vanta.heartbeat import MAX_AGES_S

log = structlog.get_logger(__name__)
TIMEOUT_S = 1.5
KEPT_S = 1.0

CHECKS: dict[str, Check] = {
    "database": Database(),
    "redis": Redis(),
    "broker": Broker(),
    "workers": Heartbeat("workers", MAX_AGES_S["workers"]),
    "signing": Signing("signing", MAX_AGES_S["signing"]),
    "feeds": Feeds(),
    "beat": Beat(),
    "dispatcher": Heartbeat("dispatcher", MAX_AGES_S["dispatcher"]),
    "telegram": Reachable("TELEGRAM_API_BASE_URL"),
    "venue": Reachable("VERANTA_API_BASE_URL"),
    "blockchain": Blockchain(),
    "disk": Disk(),
    "memory": Memory(),
    "supervisor": Supervisor(),
}


class Status(StrEnum):
    """Degraded: work goes on, somebody should look. Failed: it does not."""

    OK = "ok"
    DEGRADED = "degraded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class CheckReport:
    """One check's result. `detail` may name hosts and errors: for operators only."""

    status: Status
    latency_ms: float
    detail: str
    is_critical: bool


@dataclass(frozen=True, slots=True)
class Report:
    """All results, by the checks' names."""

    status: Status
    checks: Mapping[str, CheckReport]
    at: float  # of the monotonic clock

    @property
    def is_ready(self) -> bool:
        return self.status is not Status.FAILED

    def as_json(self, *, with_details: bool) -> dict[str, Any]:
        """For `/readyz`; details are left out for those who should not know hosts and errors."""
        return {
            "status": self.status,
            "checks": {
                name: {
                    "status": check.status,
                    "critical": check.is_critical,
                    "latency_ms": check.latency_ms,
                    **({"detail": check.detail} if with_details else {}),
                }
                for name, check in self.checks.items()
            },
        }


class Reporter:
    """Makes reports, one at a time for all who ask. Thread-safe."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = checks
        self._slots: Slots[str] = Slots("health")
        self._lock = threading.Lock()
        self._last: Report | None = None

    def report(self) -> Report:
        """A report that is younger than KEPT_S; whoever asks while one is being made gets that one."""
        with self._lock:
            if self._last is None or clock.monotonic() - self._last.at > KEPT_S:
                previous, self._last = self._last, self._make()
                _log_change(previous, self._last)
            return self._last

    def forget(self) -> None:
        """Make the next report anew."""
        with self._lock:
            self._last = None

    def _make(self) -> Report:
        probes: dict[str, Callable[[], str]] = {name: check.run for name, check in self._checks.items()}
        outcomes = self._slots.run(probes, TIMEOUT_S)
        checks = {name: _check_report(outcome, name) for name, outcome in outcomes.items()}
        statuses = {check.status for check in checks.values()}
        worst = next((status for status in (Status.FAILED, Status.DEGRADED) if status in statuses), Status.OK)
        return Report(worst, checks, clock.monotonic())


def _check_report(outcome: Outcome[str], name: str) -> CheckReport:
    """A check that is not critical degrades at worst."""
    error = outcome.error
    is_critical = name in settings.HEALTH_CRITICAL or isinstance(error, CriticalNow)
    if error is None:
        return CheckReport(Status.OK, outcome.latency_ms, outcome.value or "", is_critical)
    if isinstance(error, HealthCheckException | TimeoutError):
        detail = error.message if isinstance(error, HealthCheckException) else str(error)
    else:
        log.error("health_check_raised", check=name, error=repr(error))
        detail = type(error).__name__
    is_failure = is_critical and not isinstance(error, ServiceWarning)
    return CheckReport(Status.FAILED if is_failure else Status.DEGRADED, outcome.latency_ms, detail, is_critical)


def _log_change(previous: Report | None, latest: Report) -> None:
    if previous is None or previous.status is not latest.status:
        bad = {name: check.detail for name, check in latest.checks.items() if check.status is not Status.OK}
        log.warning("health_changed", status=latest.status, checks=bad) if bad else log.info("health_ok")
