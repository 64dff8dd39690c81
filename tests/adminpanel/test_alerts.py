"""Whatever the admins are told of is told when it has lasted, again while nobody has it, and once when it is over."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from pytest_django import Settings

from adminpanel import alerts, watch
from adminpanel.alert_conditions import CannotTell, Condition, Finding
from adminpanel.models import Alert
from tests.adminpanel.alerting import ADA, GRACE, only, told
from tests.trading.people import Person
from trading.models import OutboxMessage
from vanta import clock
from vanta.models import AuditEntry

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("admins")]
MINUTE = 60
TOAST, EDIT = "answerCallbackQuery", "editMessageText"


class Matter:
    """A condition that holds as the test says, `patience` 30 s and `calm` 15 s."""

    def __init__(self) -> None:
        self.subjects: dict[str, str] = {}
        self.is_critical, self.is_silent = True, False
        self.began = clock.now()

    def look(self, _now: dt.datetime) -> Finding | None:
        if self.is_silent:
            raise CannotTell
        return Finding(dict(self.subjects), self.began, self.is_critical) if self.subjects else None

    def tell(self) -> list[str]:
        patience, calm = dt.timedelta(seconds=30), dt.timedelta(seconds=15)
        alerts.tell(Condition(Alert.Kind.WORKER_MISSING, self.look, patience, calm, over=lambda: "by itself"))
        return told()


@pytest.fixture
def at() -> Iterator[Any]:
    """`at(seconds)`: the time is so long after the test's beginning, and stands still."""
    with time_machine.travel(clock.now(), tick=False) as traveller:
        begin = clock.now()
        yield lambda seconds: traveller.move_to(begin + dt.timedelta(seconds=seconds))


@pytest.fixture
def matter(at: Any) -> Matter:
    found = Matter()
    found.subjects = {"workers": "never seen"}
    return found


def test_it_is_told_once_when_it_has_lasted_and_once_when_it_is_over(matter: Matter, at: Any) -> None:
    assert matter.tell() == []
    at(30)
    text = only(matter.tell())
    assert text.startswith("🚨 <b>A worker is missing</b>, for 30.0 s\n• workers: never seen\n")
    assert "https://vanta.example/admin/" in text
    at(40)
    assert matter.tell() == []
    matter.subjects = {}
    assert matter.tell() == []
    at(55)
    assert only(matter.tell()) == "🟢 <b>All workers are back</b>, after 40.0 s\nby itself"
    assert matter.tell() == []
    assert Alert.objects.get().ended_at == matter.began + dt.timedelta(seconds=40)


def test_what_comes_back_before_it_was_calm_was_never_over(matter: Matter, at: Any) -> None:
    at(30)
    matter.tell()
    gone, matter.subjects = matter.subjects, {}
    matter.tell()
    at(40)
    matter.subjects = gone
    assert matter.tell() == []
    at(60)
    matter.subjects = {}
    assert matter.tell() == []
    assert Alert.objects.get().ended_at is None


def test_what_is_critical_is_told_again_until_somebody_has_it(matter: Matter, at: Any) -> None:
    at(30)
    matter.tell()
    at(30 + 15 * MINUTE - 1)
    assert matter.tell() == []
    at(30 + 15 * MINUTE)
    assert only(matter.tell()).startswith("⏰ <b>Still: a worker is missing</b>, for 15 min")
    Person(ADA).taps(f"have_it:{Alert.objects.get().pk}")
    OutboxMessage.objects.all().delete()
    at(60 * MINUTE)
    assert matter.tell() == []


def test_it_is_not_repeated_where_it_is_not_critical_or_the_settings_say_so(
    matter: Matter, at: Any, settings: Settings
) -> None:
    at(30)
    matter.tell()
    settings.ALERT_REPEAT_MINUTES = 0
    at(60 * MINUTE)
    assert matter.tell() == []
    settings.ALERT_REPEAT_MINUTES, matter.is_critical = 15, False
    assert matter.tell() == []


def test_more_of_it_is_news_whoever_has_the_rest(matter: Matter, at: Any) -> None:
    at(30)
    matter.tell()
    Alert.objects.update(acknowledged_at=clock.now(), acknowledged_by="ada")
    matter.subjects["signing"] = "last seen 40 s ago"
    text = only(matter.tell())
    assert "signing: last seen 40 s ago" in text
    assert "workers" not in text
    assert matter.tell() == []
    del matter.subjects["signing"]
    matter.tell()
    matter.subjects["signing"] = "again"
    assert "signing: again" in only(matter.tell())
    assert Alert.objects.get().acknowledged_at is None


def test_while_nobody_can_tell_an_alert_neither_begins_nor_ends(matter: Matter, at: Any) -> None:
    matter.is_silent = True
    assert matter.tell() == []
    assert not Alert.objects.exists()
    matter.is_silent = False
    at(30)
    assert matter.tell()
    matter.is_silent = True
    at(600)
    assert matter.tell() == []
    assert Alert.objects.get().calm_since is None


def test_without_admins_it_is_kept_and_told_to_the_first_there_is(matter: Matter, at: Any, settings: Settings) -> None:
    settings.ADMIN_USER_IDS = settings.SUPER_ADMIN_IDS = []
    at(60)
    assert matter.tell() == []
    assert Alert.objects.get().detail == "workers: never seen"
    settings.ADMIN_USER_IDS = [ADA, GRACE]
    assert "A worker is missing" in only(matter.tell())


def test_who_has_it_is_audited_and_told_to_the_others(matter: Matter, at: Any) -> None:
    at(30)
    matter.tell()
    alert = Alert.objects.get()
    answers = Person(ADA).taps(f"have_it:{alert.pk}")
    toast, edit = (only([row.payload for row in answers if row.method == method]) for method in (TOAST, EDIT))
    assert toast["text"] == "Noted."
    assert "reply_markup" not in edit
    other = OutboxMessage.objects.get(chat_id=GRACE)
    assert "✋ <b>A worker is missing</b>\nworkers: never seen" in other.payload["text"]
    alert.refresh_from_db()
    assert f"{alert.acknowledged_by} has it." in other.payload["text"]
    entry = AuditEntry.objects.get(action="alert.acknowledge")
    assert entry.actor.startswith(f"telegram:{ADA}")
    assert entry.after == {"kind": "worker_missing", "detail": "workers: never seen"}
    second = Person(GRACE).taps(f"have_it:{alert.pk}")
    assert f"{alert.acknowledged_by} has it." in {row.payload["text"] for row in second}
    assert AuditEntry.objects.count() == 1


@pytest.mark.parametrize("data", ["have_it:", "have_it:x", "have_it:99999999999", "have_it:1:2"])
def test_a_button_that_is_out_of_use_says_so(data: str) -> None:
    assert Person(ADA).taps(data)
    assert not AuditEntry.objects.exists()


def test_nobody_else_has_it(matter: Matter, at: Any) -> None:
    at(30)
    matter.tell()
    (toast,) = Person().taps(f"have_it:{Alert.objects.get().pk}")
    assert toast.payload["text"] == "This button is for the admins of this bot."
    assert Alert.objects.get().acknowledged_at is None


def test_a_defect_in_one_leaves_the_others_told(matter: Matter, at: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_now: dt.datetime) -> Finding | None:
        raise RuntimeError

    good = Condition(Alert.Kind.WORKER_MISSING, matter.look)
    monkeypatch.setattr(watch, "ALWAYS", (Condition(Alert.Kind.DISK_FULL, broken), good))
    monkeypatch.setattr("adminpanel.head_notice.tell_head", lambda: 0)
    watch.look()
    assert "A worker is missing" in only(told())
