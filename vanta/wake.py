"""Waking Celery: publish once a burst, never wait long, never mind when it fails.

A wake carries nothing: the due rows in PostgreSQL are the work, and the dispatcher finds whatever no wake announced.
"""

import threading
from functools import cache, partial

import structlog
from celery import current_app
from django.db import connection, transaction
from kombu import Connection
from kombu.exceptions import InconsistencyError, LimitExceeded, OperationalError
from kombu.pools import producers

from vanta import clock, metrics, redis
from vanta.broker import bounds

log = structlog.get_logger(__name__)
DRAINS = {
    "updates": "trading.tasks.drain_updates",
    "orders": "trading.tasks.drain_orders",
    "messages": "trading.tasks.drain_messages",
    "signing": "trading.tasks.drain_signing",
}
CHANNEL = "vanta_wake"
MARK_MS = 1000  # a wake that was lost on the way is forgotten after this time
WITHIN_S = 0.2
BURST_S = 0.01  # in a stream of webhooks one wake in this time is enough
PAUSE_S = 1.0  # after a failed publish, so that a burst does not wait for a dead broker again and again
_Unreachable = (*redis.RedisDown, OperationalError, InconsistencyError, LimitExceeded, OSError)
_paused_until = {"broker": 0.0}


def wake_on_commit(kind: str) -> None:
    """Publish a wake for `kind` (a key of DRAINS) once the current transaction has committed."""
    waiting = transaction.get_connection().run_on_commit
    if not any(getattr(hook, "args", None) == (kind,) for _, hook, _ in waiting):
        transaction.on_commit(partial(publish, kind))


def publish(kind: str) -> bool:
    """Wake a worker unless one is already about to look. False where the broker cannot be reached; never raises."""
    if clock.monotonic() < _paused_until["broker"]:
        return False
    try:
        if redis.client().set(f"wake:{kind}", 1, nx=True, px=MARK_MS):
            with producers[_broker()].acquire(block=True, timeout=WITHIN_S) as producer:
                current_app.send_task(DRAINS[kind], queue=kind, retry=False, expires=30, producer=producer)
    except _Unreachable as error:
        _paused_until["broker"] = clock.monotonic() + PAUSE_S
        metrics.wake_failures.inc()
        log.warning("wake_failed", kind=kind, error=type(error).__name__)
        return False
    return True


class Burst:
    """Wakes of one kind from one process: the first at once, those within the next `BURST_S` together at its end.

    None is lost while the process lives, and the dispatcher finds what it leaves when it dies.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._lock = threading.Lock()
        self._quiet_until = 0.0
        self._is_waiting = False

    def publish(self) -> bool:
        """Publish now or within `BURST_S`. False where the broker is known to be away."""
        now = clock.monotonic()
        with self._lock:
            if now < _paused_until["broker"]:
                return False
            if self._is_waiting:
                return True
            wait_s = self._quiet_until - now
            if wait_s > 0:
                self._is_waiting = True
                threading.Timer(wait_s, self._publish_late).start()
                return True
            self._quiet_until = now + BURST_S
        return publish(self._kind)

    def _publish_late(self) -> None:
        with self._lock:
            self._is_waiting = False
            self._quiet_until = clock.monotonic() + BURST_S
        publish(self._kind)


@cache
def burst(kind: str) -> Burst:
    """The process's burst of one kind."""
    return Burst(kind)


@cache
def _broker() -> Connection:
    """What the pool of connections for wakes is made after: Celery's own waits seconds for a hung broker."""
    return current_app.connection_for_write(transport_options={**bounds(WITHIN_S), "max_retries": 0})


def begin(kind: str) -> None:
    """Called by a drain before it looks for rows: whatever commits from here on deserves a wake of its own."""
    try:
        redis.client().delete(f"wake:{kind}")
    except redis.RedisDown as error:
        log.warning("wake_mark_stays", kind=kind, error=type(error).__name__)  # it expires by itself


def nudge_dispatcher() -> None:
    """Tell the dispatcher through PostgreSQL; for work that must not wait for the broker to come back."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])
