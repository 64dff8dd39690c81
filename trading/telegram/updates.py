"""Handling stored updates: one chat at a time and in order, each exactly once.

An update, what it decides and what it answers commit together. A killed worker leaves the row as it was, and the next
drain takes it up at once.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial

import structlog
from django.db import InterfaceError, OperationalError, connection, transaction

from trading import outbox
from trading.errors import PricesUnreachable
from trading.models import TelegramUpdate
from trading.telegram import messages
from trading.telegram.router import end_overtaken, handle_all
from vanta import audit, clock, metrics, tracing

log = structlog.get_logger(__name__)
BATCH = 20
LOOK_AHEAD = 200
MAX_ATTEMPTS = 3
CHAT_LOCKS = 7001  # the advisory locks' class: one lock a chat

_HEADS = """
    WITH head AS MATERIALIZED (
        SELECT chat_id, min(update_id) AS first_id FROM (
            SELECT chat_id, update_id FROM trading_telegramupdate
            WHERE status = 'new' AND (is_urgent OR NOT %(urgent_only)s) AND chat_id <> ALL(%(waiting)s)
            ORDER BY update_id LIMIT %(look_ahead)s
        ) AS waiting GROUP BY chat_id ORDER BY first_id
    ), locked AS MATERIALIZED (
        SELECT chat_id FROM head WHERE pg_try_advisory_xact_lock(%(locks)s, hashint8(chat_id)) LIMIT %(batch)s
    )
    SELECT chat_id FROM locked
"""


def drain(*, urgent_only: bool = False) -> int:
    """Handle every waiting update; harmless to call at any time, from any number of processes."""
    count, waiting = 0, set[int]()
    while looked_at := handle_batch(waiting, urgent_only=urgent_only):
        count += looked_at
    return count


def handle_batch(waiting: set[int], *, urgent_only: bool = False) -> int:
    """One batch; where something of it breaks, again with each update apart, so that it stops only itself.

    Chats whose next step needs a price that Redis cannot give now are added to `waiting`, which is left alone: hand the
    same set to all batches of one drain. Answers how many updates were looked at.
    """
    try:
        return _handle_batch(_handle_together, waiting, urgent_only=urgent_only)
    except (OperationalError, InterfaceError):
        raise  # the database went away, or two batches met: the rows stay as they were, the next drain retries
    except Exception as error:
        log.warning("batch_split", error=type(error).__name__)
        return _handle_batch(partial(_handle_apart, waiting), waiting, urgent_only=urgent_only)


@transaction.atomic
def _handle_batch(
    handle_all: Callable[[Sequence[TelegramUpdate]], None], waiting: set[int], *, urgent_only: bool
) -> int:
    """The oldest updates of a few chats that nobody else is at work for."""
    with connection.cursor() as cursor:
        cursor.execute(
            _HEADS,
            {
                "urgent_only": urgent_only,
                "waiting": list(waiting),
                "look_ahead": LOOK_AHEAD,
                "locks": CHAT_LOCKS,
                "batch": BATCH,
            },
        )
        chats = [row[0] for row in cursor.fetchall()]
    if not chats:
        return 0
    # Read again under the locks: another process may have handled some since the first look.
    due = TelegramUpdate.objects.filter(chat_id__in=chats, status=TelegramUpdate.Status.NEW)
    if urgent_only:
        due = due.filter(is_urgent=True)
    updates = list(due.order_by("update_id")[: BATCH * 2])
    handle_all(updates)
    if urgent_only:
        _end_the_overtaken(updates)
    return len(updates)


def _end_the_overtaken(handled: Sequence[TelegramUpdate]) -> None:
    """What was handled before its turn may have made older updates of its chat void."""
    for closing in handled:
        waiting = TelegramUpdate.objects.filter(
            chat_id=closing.chat_id, status=TelegramUpdate.Status.NEW, is_urgent=False, update_id__lt=closing.update_id
        )
        for update in end_overtaken(closing, list(waiting.order_by("update_id"))):
            log.info("confirmation_overtaken", update_id=update.update_id, closing=closing.update_id)
            update.status, update.handled_at = TelegramUpdate.Status.DONE, clock.now()
            update.save(update_fields=["status", "handled_at"])


def _handle_together(updates: Sequence[TelegramUpdate]) -> None:
    started = clock.monotonic()
    with audit.together(), outbox.together():
        outcomes = handle_all(updates)
    duration_ms = round((clock.monotonic() - started) * 1000 / max(1, len(updates)), 1)
    ended: dict[str, list[int]] = defaultdict(list)
    for update, outcome in zip(updates, outcomes, strict=True):
        ended[TelegramUpdate.Status.DONE if outcome else TelegramUpdate.Status.IGNORED].append(update.pk)
        metrics.commands.labels(outcome or "ignored").inc()
        with tracing.bind_trace(update.trace_id, update_id=update.update_id):
            log.info("update_handled", command=outcome, duration_ms=duration_ms)
    for status, ids in ended.items():
        TelegramUpdate.objects.filter(pk__in=ids).update(status=status, handled_at=clock.now())


def _handle_apart(waiting: set[int], updates: Sequence[TelegramUpdate]) -> None:
    for update in updates:
        if update.chat_id in waiting and not update.is_urgent:
            continue
        try:
            _handle_alone(update, is_ahead_of_others=update.chat_id in waiting)
        except (OperationalError, InterfaceError):
            raise
        except PricesUnreachable:
            waiting.add(update.chat_id)  # the row is the retry; what closes or stops does not wait for it
        except Exception as error:
            # A defect of ours: the trader is told, the row is kept for us, the chat goes on.
            log.exception("update_failed", update_id=update.update_id, error=type(error).__name__)
            _give_up(update, error)


@transaction.atomic
def _handle_alone(update: TelegramUpdate, *, is_ahead_of_others: bool) -> None:
    _handle_together([update])
    if is_ahead_of_others:
        _end_the_overtaken([update])


def _give_up(update: TelegramUpdate, error: Exception) -> None:
    TelegramUpdate.objects.filter(pk=update.pk).update(
        status=TelegramUpdate.Status.FAILED,
        attempts=update.attempts + 1,
        error=f"{type(error).__name__}: {error}"[:300],
        handled_at=clock.now(),
    )
    if update.chat_id:
        outbox.owe(update.chat_id, "sendMessage", {"text": messages.something_broke(update.trace_id)})
