"""The Celery application: queues, logging, trace ids, healthy database connections, heartbeats."""

import os
from typing import Any

import structlog
from celery import Celery, bootsteps
from celery.signals import before_task_publish, setup_logging, task_postrun, task_prerun
from celery.worker import state
from kombu import Exchange, Queue
from kombu.transport import virtual

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vanta.settings")

from django.conf import settings
from django.db import close_old_connections

from vanta import clock, logging, metrics, tracing

log = structlog.get_logger(__name__)
TRACE_HEADER = "vanta_trace_id"
TICKS = frozenset(tick["task"] for tick in settings.CELERY_BEAT_SCHEDULE.values())
QUEUE_NAMES = ("updates", "orders", "signing", "messages", "feeds", "maintenance")

app = Celery("vanta")
app.config_from_object("django.conf:settings", namespace="CELERY")
exchange = Exchange("vanta", type="direct", durable=True)
app.conf.task_queues = [Queue(name, exchange, routing_key=name, durable=True) for name in QUEUE_NAMES]
app.conf.task_default_exchange = "vanta"
app.conf.task_default_routing_key = "maintenance"
app.autodiscover_tasks(["vanta", "feeds", "trading", "adminpanel"])

_started: dict[str, float] = {}


class ReleaseStuckMessages(bootsteps.StartStopStep):  # type: ignore[misc]
    """Reconnects a consumer that waits for room although it has nothing to do.

    Where Redis hangs while a message is acknowledged, kombu counts the message for ever, and a worker with a prefetch
    of one takes no other. Reconnecting gives the message back; a second delivery is harmless.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)
    CHECK_S = 2.0

    def __init__(self, consumer: Any, **_: Any) -> None:
        self._stuck_before = False
        self._timer: Any = None

    def start(self, consumer: Any) -> None:
        """Look every two seconds, in the consumer's own loop."""
        self._stuck_before = False
        self._timer = consumer.timer.call_repeatedly(self.CHECK_S, self.check, (consumer,))

    def stop(self, consumer: Any) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def check(self, consumer: Any) -> None:
        """Raises ConnectionResetError, which Celery answers by reconnecting, when it was so at two looks."""
        channel = consumer.task_consumer.channel
        is_stuck = isinstance(channel, virtual.Channel) and _unacknowledged(channel) > len(state.reserved_requests)
        if is_stuck and self._stuck_before:
            raise ConnectionResetError("messages were handled but could not be acknowledged")
        self._stuck_before = is_stuck


def _unacknowledged(channel: virtual.Channel) -> int:
    return len(channel.qos._delivered) - len(channel.qos._dirty)


app.steps["consumer"].add(ReleaseStuckMessages)


@setup_logging.connect
def _configure_logging(**_: Any) -> None:
    logging.configure(settings.LOGGING)


@before_task_publish.connect
def _send_trace(headers: dict[str, Any] | None = None, **_: Any) -> None:
    trace_id = tracing.current_trace_id()
    if headers is not None and trace_id:
        headers[TRACE_HEADER] = trace_id


@task_prerun.connect
def _begin_task(task_id: str, task: Any, **_: Any) -> None:
    """Take over the sender's trace id, and drop connections that died (reuse alone keeps dead ones)."""
    tracing.reset_trace(getattr(task.request, TRACE_HEADER, None) or "")
    close_old_connections()
    _started[task_id] = clock.monotonic()


@task_postrun.connect
def _end_task(task_id: str, task: Any, state: str | None = None, **_: Any) -> None:
    seconds = clock.monotonic() - _started.pop(task_id, clock.monotonic())
    if task.name.startswith("celery."):  # Celery's own chores
        return
    metrics.task_seconds.labels(task.name, state).observe(seconds)
    is_routine = state == "SUCCESS" and task.name in TICKS  # several a second: the metric tells about them
    write = log.debug if is_routine else log.info if state == "SUCCESS" else log.warning
    write("task_finished", task=task.name, state=state, duration_ms=round(seconds * 1000, 1))
