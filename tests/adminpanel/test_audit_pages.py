"""The audit log in the admin: found by actor, action, time and trace, its chain looked at, given out as a file."""

import csv
import datetime as dt
from io import StringIO
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from adminpanel.groups import Role
from tests.access import logged_in, make_user
from vanta import audit, audit_watch, clock
from vanta.audit_watch import Watch
from vanta.models import AuditEntry
from vanta.tracing import bind_trace

pytestmark = pytest.mark.django_db
LIST = "/admin/vanta/auditentry/"
EXPORT = f"{LIST}export/"


def append(subject: str, **changes: Any) -> AuditEntry:
    with transaction.atomic():
        return audit.append(**{"actor": "admin:ada", "action": "policy.change", "subject": subject, **changes})


def listed(client: Client, **asked: str) -> set[str]:
    """Which of the subjects a, b, c, d are shown."""
    html = client.get(LIST, asked).content.decode().partition('id="result_list"')[2].partition("</table>")[0]
    return {name for name in "abcd" if f">subject {name}<" in html}


@pytest.fixture
def entries(db: None) -> None:
    append("subject a")
    append("subject b", actor="telegram:77", action="trading_state.change", reason="drill")
    append("subject c", actor="trader:5")
    with bind_trace("00ff00ff00ff00aa"):
        append("subject d", actor="shell:root")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, "abcd"),
        ({"by": "admin:ada"}, "a"),
        ({"by": "telegram:"}, "b"),
        ({"by": "trader:"}, "c"),
        ({"by": "nobody"}, ""),
        ({"action": "trading_state.change"}, "b"),
        ({"q": "00ff00ff00ff00aa"}, "d"),
        ({"q": "00ff00ff"}, ""),
        ({"q": "drill"}, "b"),
    ],
)
def test_entries_are_found(admin_client: Client, entries: None, asked: dict[str, str], found: str) -> None:
    assert listed(admin_client, **asked) == set(found)


def test_entries_are_found_by_time(admin_client: Client, entries: None) -> None:
    tomorrow = clock.now().date() + dt.timedelta(days=1)
    assert listed(admin_client, created_at__gte=f"{tomorrow} 00:00:00+00:00") == set()
    assert listed(admin_client, created_at__lt=f"{tomorrow} 00:00:00+00:00") == set("abcd")


def test_people_of_late_can_be_chosen_and_traders_only_together(admin_client: Client, entries: None) -> None:
    html = admin_client.get(LIST).content.decode()
    assert "?by=telegram%3A77" in html
    assert "?by=trader%3A5" not in html.partition('id="changelist-filter"')[2]


@pytest.mark.parametrize(
    ("watch", "said"),
    [
        (None, "nobody has looked at the chain yet"),
        (Watch(count=4, tail="4:00", whole_at_ms=1), "verified: 4 entries"),
        (Watch(count=9000, tail="5000:00"), "5000 of 9000 entries verified so far"),
        (Watch(count=4, broken_seq=3, problem="cut_off"), "broken at entry 3: cut off"),
    ],
)
def test_the_list_says_what_the_last_look_found(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch, watch: Watch | None, said: str
) -> None:
    monkeypatch.setattr(Watch, "age_s", 4)
    monkeypatch.setattr(audit_watch, "last_look", lambda: watch)
    assert said in admin_client.get(LIST).content.decode()


def test_a_look_that_is_missed_is_no_proof(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch(at_ms=clock.now_ms() - 10_000_000, count=4, whole_at_ms=1)
    monkeypatch.setattr(audit_watch, "last_look", lambda: watch)
    html = admin_client.get(LIST).content.decode()
    assert "beat or the maintenance worker is away" in html
    assert "verified" not in html


def test_the_list_opens_without_redis(admin_client: Client, redis_down: None) -> None:
    assert "the last look at the chain cannot be read" in admin_client.get(LIST).content.decode()


# As a file


def exported(client: Client, **asked: str) -> list[dict[str, str]]:
    today = f"{clock.now():%Y-%m-%d}"
    answer = client.post(EXPORT, {"since": today, "until": today, **asked})
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == f'attachment; filename="vanta-audit-{today}-to-{today}.csv"'
    assert "no-store" in answer["Cache-Control"]
    content = b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    return list(csv.DictReader(StringIO(content.decode(), newline="")))


def test_an_admin_has_the_log_as_a_file_and_the_log_knows(entries: None) -> None:
    rows = exported(logged_in(make_user("grace", Role.ADMIN)))

    assert [row["subject"] for row in rows] == ["subject a", "subject b", "subject c", "subject d", "audit log"]
    assert (rows[-1]["actor"], rows[-1]["action"]) == ("admin:grace", "audit.export")
    assert audit.verify().intact


def test_the_file_can_be_narrowed(admin_client: Client, entries: None) -> None:
    assert [row["subject"] for row in exported(admin_client, actor="telegram:77")] == ["subject b"]


def test_the_lists_filters_are_taken_along(admin_client: Client, entries: None) -> None:
    html = admin_client.get(LIST, {"by": "admin:ada", "action": "policy.change"}).content.decode()
    assert f"{EXPORT}?actor=admin%3Aada&amp;action=policy.change" in html
    assert 'value="admin:ada"' in admin_client.get(EXPORT, {"actor": "admin:ada"}).content.decode()


@pytest.mark.parametrize("period", [{}, {"since": "2026-11-02", "until": "2026-11-01"}, {"since": "x", "until": "y"}])
def test_without_a_period_nothing_is_given_out_and_nothing_recorded(
    admin_client: Client, period: dict[str, str]
) -> None:
    answer = admin_client.post(EXPORT, period)
    assert "text/html" in answer["Content-Type"]
    assert not AuditEntry.objects.exists()


def test_staff_who_may_not_see_entries_may_not_have_them_as_a_file() -> None:
    client = logged_in(make_user("clerk"))
    assert client.post(EXPORT, {"since": "2026-11-01", "until": "2026-11-02"}).status_code == 403
    assert not AuditEntry.objects.exists()
