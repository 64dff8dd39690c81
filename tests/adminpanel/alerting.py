"""What admins were told, and several who tell at the same time."""

import threading
from typing import Any, TypeVar

from django.db import connection

from tests.trading.markup import assert_shows_well
from trading.models import OutboxMessage

ADA, GRACE = 811, 812
T = TypeVar("T")


def told() -> list[str]:
    """The new messages, which every admin got the same; they are told no more."""
    rows = list(OutboxMessage.objects.order_by("pk"))
    OutboxMessage.objects.all().delete()
    by_chat = {chat: [row.payload["text"] for row in rows if row.chat_id == chat] for chat in (ADA, GRACE)}
    for row in rows:
        assert_shows_well(row)
    assert len(rows) == len(by_chat[ADA]) + len(by_chat[GRACE])
    assert by_chat[ADA] == by_chat[GRACE]
    return by_chat[ADA]


def only(found: list[T]) -> T:
    (one,) = found
    return one


def at_once(*works: Any) -> None:
    start = threading.Barrier(len(works))
    threads = [in_thread(work, start) for work in works]
    for thread in threads:
        thread.join(30)


def in_thread(work: Any, start: threading.Barrier | None = None) -> threading.Thread:
    """The work in a thread with a database connection of its own; a failure of it fails the test by what is missing."""

    def run() -> None:
        try:
            if start is not None:
                start.wait(10)
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread
