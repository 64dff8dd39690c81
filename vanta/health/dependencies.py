"""Checks of what Vanta's own processes need from each other: database, Redis, broker, workers, feeds, beat, dispatcher.

A check's `run` returns a detail for operators, raises ServiceWarning where work goes on and ServiceUnavailable where
it does not. They run in threads (`vanta.health.slots`), each within the clients' own short timeouts.
"""

from dataclasses import dataclass

from django.db import DEFAULT_DB_ALIAS, Error, connections
from health_check.base import HealthCheck
from health_check.exceptions import ServiceUnavailable, ServiceWarning
from redis.exceptions import RedisError

from feeds.selectors import feed_status
from risk import execution_mode
from risk.execution_mode import ExecutionMode
from vanta import clock, heartbeat, queues, redis


class Check(HealthCheck):  # type: ignore[misc]  # the library has no types
    """A check with a synchronous `run` that returns its detail."""

    def run(self) -> str:
        """Check now. Raises HealthCheckException; any other exception counts as a failure too."""
        raise ServiceUnavailable("no check")


@dataclass
class Database(Check):
    """A query on a new connection, which is what a restarted web process would need."""

    def run(self) -> str:
        try:
            with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
                cursor.execute("SELECT current_setting('server_version'), pg_is_in_recovery()")
                version, is_replica = cursor.fetchone()
        except Error as error:
            raise ServiceUnavailable(_first_line(error)) from error
        if is_replica:
            raise ServiceUnavailable("a replica: nothing can be written")
        return f"PostgreSQL {version.split()[0]}"


@dataclass
class Redis(Check):
    """The application's Redis writes and reads."""

    def run(self) -> str:
        client = redis.client()
        try:
            client.set("health:probe", clock.now_ms(), ex=60)
        except RedisError as error:
            raise ServiceUnavailable(_first_line(error)) from error
        return "writes"


@dataclass
class Broker(Check):
    """Celery's broker answers; its queues' depths are the detail."""

    def run(self) -> str:
        try:
            depths = queues.depths()
        except queues.BrokerDown as error:
            raise ServiceUnavailable(_first_line(error)) from error
        detail = ", ".join(f"{name} {depth}" for name, depth in depths.items())
        if max(depths.values()) > queues.ALARMING_DEPTH:
            raise ServiceWarning(detail)
        return detail


@dataclass
class Heartbeat(Check):
    """Something said lately that it is alive. For the workers a canary task does: beat, broker and worker in one."""

    name: str
    max_age_s: int

    def run(self) -> str:
        try:
            age_s = heartbeat.age_s(self.name)
        except RedisError as error:
            raise ServiceUnavailable(_first_line(error)) from error
        if age_s is None:
            raise ServiceUnavailable("never seen")
        if age_s > self.max_age_s:
            raise ServiceUnavailable(f"last seen {age_s:.0f} s ago")
        return f"seen {age_s:.1f} s ago"


class CriticalNow(ServiceUnavailable):  # type: ignore[misc]
    """Critical, whatever the settings say."""


@dataclass
class Signing(Heartbeat):
    """The signing worker carries out canaries. Paper trading goes on without it; LIVE trading does not."""

    def run(self) -> str:
        try:
            return super().run()
        except ServiceUnavailable as error:
            if execution_mode.current() == ExecutionMode.LIVE:
                raise CriticalNow(error.message) from error
            raise


@dataclass
class Feeds(Check):
    """Open markets have mark prices. No price at all is a failure: nothing could be opened."""

    def run(self) -> str:
        status = feed_status()
        if status.state == "failed":
            raise ServiceUnavailable(status.detail)
        if status.state == "degraded":
            raise ServiceWarning(status.detail)
        return status.detail


@dataclass
class Beat(Check):
    """Beat holds its lock in Redis, which it renews each time it looks at the schedule."""

    def run(self) -> str:
        try:
            renewed_s = heartbeat.beat_age_s()
        except RedisError as error:
            raise ServiceUnavailable(_first_line(error)) from error
        if renewed_s is None:
            raise ServiceUnavailable("no beat holds the lock")
        return f"lock renewed {renewed_s:.1f} s ago"


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]
