"""The signing worker's own look at LIVE orders, a thread beside Celery's: it needs no broker.

The worker's pool is one of threads: a child that is forked while this thread looks inherits whatever lock it holds,
and waits for it for ever. It follows what the venue has taken, so that no task waits for it, and carries out what
reduces and nobody was woken for.
"""

import datetime as dt
import threading

import structlog
from celery.signals import celeryd_after_setup, worker_shutdown
from django.conf import settings
from django.db import close_old_connections, connection

from trading import execution, reconciliation
from trading.models import Order
from trading.models.orders import REDUCES
from trading.models.traders import Mode
from trading.order_state import OrderState
from trading.venues.avantis.client import close_client
from vanta import clock, tracing

log = structlog.get_logger(__name__)
QUEUE = "signing"
LOOK_S = 1 / 10
LIVE = (Mode.LIVE,)
UNATTENDED = dt.timedelta(seconds=1)  # after which an approved reduction was not announced to anybody


def look() -> int:
    """Look once; how many orders were looked at or carried out."""
    with tracing.bind_trace(""):
        looked_at = reconciliation.drain(modes=LIVE)
        waiting = Order.objects.filter(
            REDUCES,
            state=OrderState.APPROVED,
            mode=Mode.LIVE,
            next_check_at__lte=clock.now() - UNATTENDED,
        )
        if not waiting.exists():
            return looked_at
        carried_out = execution.drain(reductions_only=True, modes=LIVE)
        log.warning("reductions_carried_out_unannounced", orders=carried_out)
        return looked_at + carried_out


class Watch:
    """Looks ten times a second until it is stopped; a database that is down is waited for."""

    def __init__(self) -> None:
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="signing-watch", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more, and wait for the look that is under way."""
        self._stopped.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._stopped.wait(LOOK_S):
            try:
                close_old_connections()
                look()
            except Exception as error:
                # The next look is the retry; a thread that ended would leave closings lying while the broker is away.
                log.exception("signing_watch_failed", error=type(error).__name__)
                connection.close()
        connection.close()


_watches: list[Watch] = []


@celeryd_after_setup.connect
def _start(instance: object = None, **_: object) -> None:
    """Before the broker is reached: it may be what is away."""
    queues = getattr(getattr(getattr(instance, "app", None), "amqp", None), "queues", None)
    if settings.SIGNS and QUEUE in getattr(queues, "consume_from", ()):
        watch = Watch()
        _watches.append(watch)
        watch.start()


@worker_shutdown.connect
def _stop(**_: object) -> None:
    while _watches:
        _watches.pop().stop()
        close_client()
