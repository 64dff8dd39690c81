"""Messages that are owed to a chat, and how their delivery stands."""

import datetime as dt
from itertools import count

from tests.factories import make_message
from trading.models import OutboxMessage
from vanta import clock

_chats = count(9001)


def new_chat() -> int:
    return next(_chats)


def owe(chat_id: int, *texts: str) -> list[OutboxMessage]:
    return [make_message(chat_id=chat_id, payload={"text": text}) for text in texts]


def state(row: OutboxMessage) -> tuple[str, int]:
    row.refresh_from_db()
    return row.status, row.attempts


def make_due() -> None:
    """The waiting time of every row is over."""
    OutboxMessage.objects.filter(status="pending").update(next_attempt_at=clock.now() - dt.timedelta(seconds=1))


def waits_s(row: OutboxMessage) -> float:
    row.refresh_from_db()
    return (row.next_attempt_at - clock.now()).total_seconds()
