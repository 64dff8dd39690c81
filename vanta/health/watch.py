"""Looking after everything from the dispatcher's process: what is found is owed to the admins, and sent from here where
nobody else sends it.

Neither Celery nor Redis is needed, so that an alert about either arrives. Beside the dispatcher's own loop, as a check
or Telegram may take seconds that a closing does not have.
"""

import datetime as dt
import threading

import structlog
from django.db import InterfaceError, OperationalError, close_old_connections, connection

from adminpanel import alerts, watch
from adminpanel.check_watch import PATIENCE
from adminpanel.models import Alert
from trading.models import OutboxMessage
from trading.telegram import delivery
from trading.telegram.admins import admin_ids
from vanta import clock, tracing
from vanta.health.report import CHECKS, Reporter

log = structlog.get_logger(__name__)
EVERY_S = 5.0
OVERDUE_S = 5.0  # what the worker for messages leaves for so long is sent here
SENDS_FOR_S = 10.0


class Watch:
    """The loop, in a thread of its own, until told to stop."""

    def __init__(self) -> None:
        self._reporter = Reporter(CHECKS)
        self._stop = threading.Event()
        self._blind_since: dt.datetime | None = None
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)

    def start(self) -> None:
        """Begin to look; the first time after EVERY_S, when what starts with us has started."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more; waits for a look that is under way, for two seconds."""
        self._stop.set()
        self._thread.join(2)

    def is_alive(self) -> bool:
        """Whether it still looks."""
        return self._thread.is_alive()

    def _run(self) -> None:
        while not self._stop.wait(EVERY_S):
            try:
                close_old_connections()
                with tracing.bind_trace(""):
                    self.look_once()
            except Exception as error:
                log.exception("watch_failed", error=type(error).__name__)  # the next look is the retry
                connection.close()
        connection.close()

    def look_once(self) -> None:
        """One look, and what is overdue is sent. Raises the database's errors, and tells of them when it is back."""
        checks = self._reporter.report().checks
        try:
            watch.look(checks)
        except (OperationalError, InterfaceError):
            self._blind_since = self._blind_since or clock.now()
            raise
        self._tell_of_blindness()
        if _is_overdue():
            until = clock.monotonic() + SENDS_FOR_S
            sent = delivery.drain(lambda: clock.monotonic() < until)
            log.warning("sent_without_worker", messages=sent)

    def _tell_of_blindness(self) -> None:
        """Nothing is owed in a database that is away, so what it kept from being told is told afterwards."""
        since, self._blind_since = self._blind_since, None
        if since and clock.now() - since >= PATIENCE:
            alerts.tell_passed(Alert.Kind.NOT_READY, since, "database: did not answer, or could not be written")


def _is_overdue() -> bool:
    """Whether something owed to an admin was due a while ago and nobody has taken it."""
    before = clock.from_ms(clock.now_ms() - round(OVERDUE_S * 1000))
    owed = OutboxMessage.objects.filter(chat_id__in=admin_ids(), status="pending", next_attempt_at__lte=before)
    return owed.exists()
