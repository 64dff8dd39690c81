"""The Celery application: queues, logging, trace ids, healthy database connections, heartbeats."""

import os
from typing import Any

import structlog
from celery import Celery
from celery.signals import before_task_publish, setup_logging, task_postrun, task_prerun
from kombu import Exchange, Queue

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "vanta.settings")

from django.conf import settings
from django.db import close_old_connections

from vanta import clock, logging, tracing

log = structlog.get_logger(__name__)
TRACE_HEADER = "vanta_trace_id"
QUEUE_NAMES = ("updates", "orders", "messages", "feeds", "maintenance")

app = Celery("vanta")
app.config_from_object("django.conf:settings", namespace="CELERY")
exchange = Exchange("vanta", type="direct", durable=True)
app.conf.task_queues = [Queue(name, exchange, routing_key=name, durable=True) for name in QUEUE_NAMES]
app.conf.task_default_exchange = "vanta"
app.conf.task_default_routing_key = "maintenance"
app.autodiscover_tasks(["vanta", "feeds", "trading"])

_started: dict[str, float] = {}


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
    duration_ms = (clock.monotonic() - _started.pop(task_id, clock.monotonic())) * 1000
    if task.name.startswith("celery."):  # Celery's own chores
        return
    write = log.info if state == "SUCCESS" else log.warning
    write("task_finished", task=task.name, state=state, duration_ms=round(duration_ms, 1))
