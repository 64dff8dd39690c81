"""Prometheus metrics, right with several processes: each writes to PROMETHEUS_MULTIPROC_DIR, the page adds them up.

What is a fact of the database is counted by nobody: `vanta.health.gauges` reads it at each scrape.
"""

import os
import socket

from django.conf import settings
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, multiprocess, values

_HOST = socket.gethostname().replace("_", "-")


def process_identifier() -> str:
    """Of this process among all that share the directory: in several containers each process id is there again."""
    return f"{_HOST}-{os.getpid()}"


# Whatever the library has made of a blank variable.
values.ValueClass = (
    values.MultiProcessValue(process_identifier)  # type: ignore[no-untyped-call]
    if settings.PROMETHEUS_MULTIPROC_DIR
    else values.MutexValue
)

LATENCY_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

http_seconds = Histogram(
    "vanta_http_seconds",
    "Time of a request, by view and class of the answer.",
    ["view", "answer"],
    buckets=LATENCY_BUCKETS,
)
webhooks = Counter("vanta_webhooks_total", "Telegram webhook calls by outcome.", ["outcome"])
commands = Counter("vanta_commands_total", "Commands handled, by kind.", ["command"])
orders = Counter(
    "vanta_orders_total", "Order transitions by the state reached and the execution mode.", ["state", "mode"]
)
denials = Counter("vanta_denials_total", "Orders denied by risk, by code.", ["code"])
decision_seconds = Histogram("vanta_decision_seconds", "Time to decide on an order.", buckets=LATENCY_BUCKETS)
fill_seconds = Histogram("vanta_fill_seconds", "Time from the decision to the fill.", buckets=LATENCY_BUCKETS)
notify_seconds = Histogram(
    "vanta_notify_seconds", "Time from a message's row to its delivery.", buckets=LATENCY_BUCKETS
)
task_seconds = Histogram(
    "vanta_task_seconds", "Time of a task, by name and outcome.", ["task", "state"], buckets=LATENCY_BUCKETS
)
wake_failures = Counter("vanta_wake_failures_total", "Wakes that could not be published.")
messages = Counter("vanta_messages_total", "Telegram messages by outcome.", ["outcome"])
feed_errors = Counter("vanta_feed_errors_total", "Failed polls by source and error.", ["source", "error"])
feed_exclusions = Counter("vanta_feed_exclusions_total", "Quotes left out of a mark price.", ["source", "reason"])
feed_latency_seconds = Histogram("vanta_feed_latency_seconds", "Time of a poll.", ["source"], buckets=LATENCY_BUCKETS)
stream_frames = Counter("vanta_stream_frames_total", "Frames of the price stream that brought newer prices.")
stream_ends = Counter("vanta_stream_ends_total", "Ends of the price stream's connection, by reason.", ["reason"])


def exposition() -> bytes:
    """All processes' metrics in Prometheus' text format."""
    if values.ValueClass is values.MutexValue:
        return generate_latest()
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
