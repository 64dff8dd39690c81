"""What admins were told before alerts had subjects is not told again, and what was owed to them arrives."""

from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection

from adminpanel.models import Alert
from tests.factories import make_message
from vanta import clock

pytestmark = pytest.mark.django_db
carry_over = import_module("adminpanel.migrations.0003_alerts_of_every_kind").carry_over


def test_a_told_alert_knows_its_subject_and_an_untold_one_none() -> None:
    told_at = clock.now()
    Alert.objects.create(kind=Alert.Kind.PRICE_STREAM, began_at=told_at, told_begin_at=told_at)
    Alert.objects.create(kind=Alert.Kind.DISK_FULL, began_at=told_at)
    carry_over(apps, connection.schema_editor())
    told, untold = Alert.objects.order_by("pk")
    assert (told.told_subjects, told.last_told_at) == ([""], told_at)
    assert (untold.told_subjects, untold.last_told_at) == ([], None)


def test_a_message_about_broken_books_that_waits_is_a_text_now() -> None:
    breach = {"code": "balance_is_the_ledgers", "subject": "trader <7>", "detail": "1 and 2"}
    waiting = make_message(method="invariant_broken", payload={"breaches": [breach], "count": 1})
    carry_over(apps, connection.schema_editor())
    waiting.refresh_from_db()
    assert waiting.method == "sendMessage"
    assert "balance_is_the_ledgers: trader &lt;7&gt;, 1 and 2" in waiting.payload["text"]
