"""The audit log's head goes to the super admins once a day, and proves later that nobody rewrote the log."""

import datetime as dt
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from pytest_django import Settings

from adminpanel.head_notice import tell_head
from adminpanel.models import HeadNotice
from tests.adminpanel.alerting import ADA, at_once
from trading.models import OutboxMessage
from vanta import audit
from vanta.models import AuditEntry

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("admins")]
MIDNIGHT = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)


@pytest.fixture
def at() -> Iterator[Any]:
    with time_machine.travel(MIDNIGHT, tick=False) as traveller:
        yield lambda **span: traveller.move_to(MIDNIGHT + dt.timedelta(**span))


def append(count: int, subject: str = "limits") -> None:
    with transaction.atomic():
        for _ in range(count):
            audit.append(actor="admin:ada", action="policy.change", subject=subject)


def test_it_is_told_once_a_day_from_five_past_midnight_to_super_admins_only(at: Any) -> None:
    append(3)
    at(minutes=4, seconds=59)
    assert tell_head() == 0
    at(minutes=5)
    assert [tell_head(), tell_head()] == [1, 0]
    at(hours=23)
    assert tell_head() == 0
    message = OutboxMessage.objects.get()
    head = AuditEntry.objects.get(seq=3).hmac
    assert message.chat_id == ADA
    assert f"verify_audit --head {head} --count 3" in message.payload["text"]
    at(days=1, hours=9)  # nobody ran at five past midnight
    assert tell_head() == 1


def test_without_super_admins_the_log_line_is_all(at: Any, settings: Settings) -> None:
    settings.SUPER_ADMIN_IDS = []
    at(hours=1)
    assert tell_head() == 0
    assert HeadNotice.objects.get().count == 0


@pytest.mark.django_db(transaction=True)
def test_several_at_once_tell_one_head(at: Any) -> None:
    append(1)
    at(hours=1)
    at_once(*[tell_head] * 4)
    assert OutboxMessage.objects.count() == 1


def verified(*arguments: str) -> str:
    out = StringIO()
    call_command("verify_audit", *arguments, stdout=out)
    return out.getvalue()


def test_a_chain_that_was_rewritten_with_the_key_is_found_by_the_message(at: Any) -> None:
    append(4)
    at(hours=1)
    tell_head()
    notice = HeadNotice.objects.get()
    told = ("--head", notice.hmac, "--count", str(notice.count))
    append(2)
    assert verified(*told).startswith("6 audit entries are whole, compared with a head kept outside")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE vanta_auditentry DISABLE TRIGGER USER; DELETE FROM vanta_auditentry")
    append(9, "something else")
    assert "9 audit entries are whole" in verified()
    with pytest.raises(CommandError, match="broken at entry 4: rewritten"):
        verified(*told)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--count", "4"), "give both"),
        (("--head", "4:ab", "--count", "5"), "entry 4, --count says 5"),
        (("--head", "ab"), "SEQ:HMAC"),
    ],
)
def test_half_a_head_is_refused(arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        verified(*arguments)
