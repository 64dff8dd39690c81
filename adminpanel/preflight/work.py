"""Checks that work is done: every queue has a worker that takes from it, and prices can be trusted."""

import secrets
import threading
from collections.abc import Callable

from celery import current_app

from adminpanel.preflight.findings import Finding, amber, green, red
from feeds.selectors import feed_status
from feeds.sources import SOURCES
from vanta import canaries, clock, queues
from vanta.broker import bounds
from vanta.celery import QUEUE_NAMES

ANSWERED_WITHIN_S = 10
PUBLISHED_WITHIN_S = 2
POLL_S = 0.1
MS_A_SECOND = 1000


def work_is_done(pause: Callable[[], object] | None = None, within_s: float = ANSWERED_WITHIN_S) -> Finding:
    """A canary through each queue: broker, worker and Redis in one."""
    token = secrets.token_hex(8)
    until = clock.monotonic() + within_s
    try:
        _send(token)
    except queues.BrokerDown as error:
        return red(f"Nothing can be published: {type(error).__name__}.", "Start the broker.")
    while (silent := canaries.silent(token, QUEUE_NAMES)) and clock.monotonic() < until:
        (pause or _pause)()
    if silent:
        return red(
            f"No worker took from {', '.join(silent)} within {within_s:g} s.",
            "Start the worker of that queue (Procfile), or restart one that hangs.",
        )
    return green(f"All {len(QUEUE_NAMES)} queues are worked off.")


def _send(token: str) -> None:
    """Raises one of BrokerDown."""
    with current_app.connection_for_write(transport_options={**bounds(PUBLISHED_WITHIN_S), "max_retries": 0}) as broker:
        for queue in QUEUE_NAMES:
            current_app.send_task(
                canaries.TASK, args=[token, queue], queue=queue, expires=30, retry=False, connection=broker
            )


def _pause() -> None:
    threading.Event().wait(POLL_S)


def prices() -> Finding:
    """Every open market has a price that can be trusted, and every source answers."""
    status = feed_status()
    if status.state == "failed":
        return red(f"{status.detail}.", "docs/operations.md, FeedLost.")
    if status.state == "degraded":
        return amber(f"{status.detail}.", "docs/operations.md, FeedLost and MarketsWithoutPrice.")
    oldest_s = (status.oldest_mark_age_ms or 0) / MS_A_SECOND
    return green(
        f"All {status.open_markets} open markets have a price, the oldest {oldest_s:.1f} s old; "
        f"{len(SOURCES)} sources answer."
    )
