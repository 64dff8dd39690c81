"""What has to be looked at again is dated by the audit log, and super admins are reminded."""

import datetime as dt
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import transaction
from pytest_django import Settings

from adminpanel.preflight import review
from adminpanel.tasks import remind_of_reviews
from tests.trading.markup import assert_shows_well
from trading.models import OutboxMessage
from vanta import audit, clock
from vanta.celery import QUEUE_NAMES, app
from vanta.models import AuditEntry

pytestmark = pytest.mark.django_db


def due() -> set[str]:
    return {each.name for each in review.reviews() if each.is_due}


def told(*arguments: str) -> tuple[int, str]:
    out = StringIO()
    try:
        call_command("preflight", *arguments, stdout=out)
    except SystemExit as end:
        return int(str(end.code)), out.getvalue()
    return 0, out.getvalue()


def test_what_was_never_reviewed_is_due_and_what_was_is_for_thirty_days() -> None:
    assert due() == set(review.SUBJECTS)

    told("--reviewed", "limits", "--reason", "fit for the winter")

    entry = AuditEntry.objects.get()
    assert (entry.action, entry.subject, entry.reason) == ("review.done", "review:limits", "fit for the winter")
    assert due() == set(review.SUBJECTS) - {"limits"}
    with time_machine.travel(clock.now() + dt.timedelta(days=30, seconds=1)):
        assert "limits" in due()


def test_a_review_says_what_was_looked_at() -> None:
    with pytest.raises(CommandError, match="--reason"):
        told("--reviewed", "limits")

    assert not AuditEntry.objects.exists()


def test_keys_that_were_rotated_were_looked_at() -> None:
    with transaction.atomic():
        audit.append(actor="shell:ada", action="keys.rotate", subject="delegate_keys")

    assert "key-rotation" not in due()
    assert "by shell:ada" in told("--review")[1]


def test_the_exit_status_says_whether_anything_is_due() -> None:
    status, words = told("--review")
    assert status == 1
    assert "due   limits             last: never" in words

    for name in review.SUBJECTS:
        review.record(name, actor="ada", reason="looked")
    assert told("--review")[0] == 0
    assert '"is_due": false' in told("--review", "--json")[1]


def test_beat_reminds_on_mondays() -> None:
    entry = app.conf.beat_schedule["remind-of-reviews"]

    assert entry["task"] == remind_of_reviews.name
    assert entry["options"]["queue"] in QUEUE_NAMES


def test_super_admins_are_reminded_once_of_all_that_is_due(settings: Settings) -> None:
    settings.SUPER_ADMIN_IDS = [811]

    assert remind_of_reviews() == len(review.SUBJECTS)

    message = OutboxMessage.objects.get()
    assert_shows_well(message)
    assert "dependencies: never" in message.payload["text"]
    for name in review.SUBJECTS:
        review.record(name, actor="ada", reason="looked")
    assert remind_of_reviews() == 0
    assert OutboxMessage.objects.count() == 1
