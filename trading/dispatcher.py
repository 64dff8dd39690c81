"""Finding due rows of every kind and waking Celery for them; working itself where stopping cannot wait for the broker.

One leader at a time, by an advisory lock of PostgreSQL on a session of its own; needs no Redis.
"""

import datetime as dt
import select
from collections.abc import Callable, Sequence

import structlog
from django.db import InterfaceError, OperationalError, close_old_connections, connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from risk import check_in
from trading import execution, reconciliation
from trading.models import Delegate, Order, OutboxMessage, TelegramUpdate
from trading.models.traders import Mode
from trading.order_state import OrderState
from trading.services import canceling, panics
from trading.telegram import updates
from vanta import clock, heartbeat, redis, tracing, wake

log = structlog.get_logger(__name__)
LEADER_LOCK = 7000
POLL_S = 1
Rows = QuerySet[Order] | QuerySet[OutboxMessage] | QuerySet[TelegramUpdate] | QuerySet[Delegate]
GRACE = dt.timedelta(milliseconds=500)  # a row this young was announced by whoever wrote it


def due_kinds() -> list[str]:
    """Which drains have something to do."""
    settled = clock.now() - GRACE
    waiting = OutboxMessage.objects.filter(status="pending", next_attempt_at__lte=settled)
    waiting_before = OutboxMessage.objects.filter(status="pending", chat_id=OuterRef("chat_id"), pk__lt=OuterRef("pk"))
    orders = Order.objects.filter(
        Q(state=OrderState.APPROVED) | reconciliation.AT_THE_VENUE, next_check_at__lte=settled
    )
    due: dict[str, Sequence[Rows]] = {
        "updates": [TelegramUpdate.objects.filter(status="new", received_at__lte=settled)],
        "orders": [orders.filter(mode=Mode.DRY)],
        "signing": [
            orders.filter(mode=Mode.LIVE),
            Delegate.objects.filter(status__in=Delegate.OPEN, next_check_at__lte=settled),
        ],
        "messages": [waiting.exclude(Exists(waiting_before))],
    }
    return [kind for kind, rows in due.items() if any(each.exists() for each in rows)]


def dispatch_once() -> None:
    """One look: wake a worker for whatever is due; without a broker, do what cannot wait here."""
    with tracing.bind_trace(""):
        _apart(canceling.cancel_unwanted)
        _apart(panics.follow)
        kinds = due_kinds()
        reached = [wake.publish(kind) for kind in kinds]
        if kinds and not all(reached):
            carry_out_urgent()


def _apart(look: Callable[[], int]) -> None:
    try:
        look()
    except (OperationalError, InterfaceError):
        raise  # the database went away
    except Exception:
        log.exception("look_failed", look=look.__qualname__)  # a defect of ours must not keep everything else lying


def carry_out_urgent() -> None:
    """Closes, cancels and stops, in this process: they must work while the broker is away.

    LIVE orders need the keys: the signing worker looks for them by itself.
    """
    handled = updates.drain(urgent_only=True)
    carried_out = execution.drain(reductions_only=True)
    reconciled = reconciliation.drain()
    if handled or carried_out or reconciled:
        log.warning("dispatched_without_broker", updates=handled, orders=carried_out, reconciled=reconciled)


class Dispatcher:
    """The loop: try to lead, look each second or when told through PostgreSQL, until `should_stop` says so."""

    def __init__(self, should_stop: Callable[[], bool]) -> None:
        self._should_stop = should_stop
        self._is_leader = False
        self._has_checked_in = False

    def run(self) -> None:
        """Look for due rows until told to stop; a database that is down is waited for."""
        while not self._should_stop():
            try:
                self._lead_and_look()
            except Exception as error:
                # Whatever went wrong, the next look is the retry; a leader that exits would leave rows lying.
                log.exception("dispatch_failed", error=type(error).__name__)
                self._is_leader = False
                connection.close()
            self._wait()

    def _lead_and_look(self) -> None:
        close_old_connections()
        if not self._holds_lock():
            return
        self._tell_alive()
        dispatch_once()
        if not self._has_checked_in:
            check_in.check_in()
            self._has_checked_in = True

    def _holds_lock(self) -> bool:
        """The session that holds the lock is this thread's; a lost session loses the lock with it."""
        if self._is_leader and connection.connection is not None and not connection.connection.closed:
            return True
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [LEADER_LOCK])
            self._is_leader = bool(cursor.fetchone()[0])
            if self._is_leader:
                cursor.execute(f"LISTEN {wake.CHANNEL}")
                log.info("dispatcher_leads")
        return self._is_leader

    def _tell_alive(self) -> None:
        try:
            heartbeat.beat("dispatcher")
        except redis.RedisDown as error:
            log.debug("heartbeat_missed", error=type(error).__name__)  # Redis is not needed here

    def _wait(self) -> None:
        """Until a notification arrives, for a second at most."""
        session = connection.connection
        if session is None or session.closed:
            select.select([], [], [], POLL_S)
            return
        select.select([session], [], [], POLL_S)
        session.poll()
        session.notifies.clear()
