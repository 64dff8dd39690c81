"""The watch beside the dispatcher: the admins hear of a broker that is away although nothing carries messages then."""

import datetime as dt
from typing import Any

import pytest
import time_machine
from django.db import OperationalError
from pytest_django import Settings

from adminpanel import watch as looking
from adminpanel.models import Alert
from tests.factories import make_message
from tests.waiting import wait_until
from trading.models import OutboxMessage
from trading.telegram import delivery
from vanta import clock, heartbeat
from vanta.embedded.host import free_port
from vanta.health import watch
from vanta.health.report import CHECKS
from vanta.health.watch import Watch

pytestmark = pytest.mark.django_db(transaction=True)
ADMIN = 4243


@pytest.fixture(autouse=True)
def _away(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """An admin, and a broker where nobody listens; the other checks are not asked."""
    settings.SUPER_ADMIN_IDS, settings.ADMIN_USER_IDS = [ADMIN], []
    settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{free_port()}/0"
    settings.HEALTH_CRITICAL = ["broker"]
    monkeypatch.setattr(watch, "CHECKS", {"broker": CHECKS["broker"]})
    heartbeat.beat("dispatcher")


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What Telegram got."""
    texts: list[str] = []

    async def send(_bot: Any, _method: str, arguments: dict[str, Any]) -> delivery.Result:
        texts.append(arguments["text"])
        return delivery.Result("sent", message_id=1)

    monkeypatch.setattr(delivery, "_send", send)
    return texts


def age(**terms: float) -> dt.datetime:
    return clock.now() - dt.timedelta(**terms)


def test_a_broker_that_is_away_is_told_without_it(sent: list[str]) -> None:
    Watch().look_once()
    assert sent == []
    Alert.objects.filter(kind=Alert.Kind.NOT_READY).update(began_at=age(seconds=40))
    Watch().look_once()
    OutboxMessage.objects.update(next_attempt_at=age(seconds=6))
    Watch().look_once()
    (text,) = [text for text in sent if "Audit log" not in text]
    assert "Vanta is not ready" in text
    assert "broker" in text


def test_a_database_that_was_away_is_told_when_it_is_back_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_checks: Any) -> int:
        raise OperationalError

    first, second = Watch(), Watch()
    begin, look = clock.now(), looking.look
    with time_machine.travel(begin, tick=False) as traveller:
        monkeypatch.setattr(looking, "look", away)
        for watching in (first, second):
            with pytest.raises(OperationalError):
                watching.look_once()
        monkeypatch.setattr(looking, "look", look)
        traveller.move_to(begin + dt.timedelta(seconds=90))
        for watching in (first, second, first):
            watching.look_once()
    texts = [row.payload["text"] for row in OutboxMessage.objects.all() if "It is over" in row.payload["text"]]
    assert texts == [
        "🟠 <b>It is over: Vanta is not ready</b>, for 90.0 s\nWhy: database: did not answer, or could not be written"
    ]


def test_what_a_worker_can_still_send_is_left_to_it(sent: list[str]) -> None:
    make_message(chat_id=ADMIN, next_attempt_at=age(seconds=1))
    make_message(chat_id=7, next_attempt_at=age(hours=1))
    Watch().look_once()
    assert sent == []


def test_it_looks_again_whatever_went_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[int] = []

    def fail(_watch: Watch) -> None:
        looks.append(1)
        raise RuntimeError

    monkeypatch.setattr(watch, "EVERY_S", 0.01)
    monkeypatch.setattr(Watch, "look_once", fail)
    watching = Watch()
    watching.start()
    wait_until(lambda: len(looks) > 2, 5, "three looks")
    watching.stop()
    seen = len(looks)
    assert not watching.is_alive()
    assert len(looks) == seen
