"""What is wrong with the venue is told to the admins, each thing once."""

import pytest
from pytest_django import Settings

from adminpanel import venue_alerts
from trading import alarms
from trading.models import OutboxMessage

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _admins(settings: Settings) -> None:
    settings.ADMIN_USER_IDS, settings.SUPER_ADMIN_IDS = [11], [12]


def test_every_kind_of_alarm_is_told_to_every_admin_once() -> None:
    for kind in alarms.Kind:
        assert alarms.raise_alarm(kind, "order <7>", "a & b")
        assert not alarms.raise_alarm(kind, "order <7>", "again")
    assert venue_alerts.tell_alarms() == len(alarms.Kind)
    assert venue_alerts.tell_alarms() == 0
    rows = OutboxMessage.objects.order_by("chat_id")
    assert [row.chat_id for row in rows] == [11, 12]
    assert "order &lt;7&gt;" in rows[0].payload["text"]


def test_without_admins_an_alarm_waits_for_the_first(settings: Settings) -> None:
    settings.ADMIN_USER_IDS = settings.SUPER_ADMIN_IDS = []
    alarms.raise_alarm(alarms.Kind.BOOKS, "trader 1")
    assert venue_alerts.tell_alarms() == 0
    settings.ADMIN_USER_IDS = [11]
    assert venue_alerts.tell_alarms() == 1


def test_what_was_over_is_news_again() -> None:
    alarms.raise_alarm(alarms.Kind.BOOKS, "trader 1")
    venue_alerts.tell_alarms()
    alarms.lift(alarms.Kind.BOOKS, "trader 1")
    assert alarms.raise_alarm(alarms.Kind.BOOKS, "trader 1")
    assert venue_alerts.tell_alarms() == 1
