"""The audit log as a file: all of a period, itself recorded, and nothing that a spreadsheet would carry out."""

import csv
import datetime as dt
from collections.abc import Iterable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from vanta import audit, audit_csv, clock
from vanta.audit_csv import COLUMNS, Wanted, export
from vanta.models import AuditEntry
from vanta.tracing import bind_trace

pytestmark = pytest.mark.django_db
HOUR = dt.timedelta(hours=1)


def append(**changes: Any) -> AuditEntry:
    with transaction.atomic():
        return audit.append(**{"actor": "admin:ada", "action": "policy.change", "subject": "policy 1", **changes})


def lately(**named: str) -> Wanted:
    return Wanted(clock.now() - HOUR, clock.now() + HOUR, **named)


def read(lines: Iterable[str]) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO("".join(lines), newline="")))


def test_every_entry_is_a_line_with_all_that_it_holds_and_the_export_is_the_last() -> None:
    with bind_trace("00ff00ff00ff00ff"):
        entry = append(before={"max": 1}, after={"max": 2}, reason='so "it"\nis')

    first, last = read(export(lately(), actor="admin:grace"))

    assert tuple(first) == COLUMNS
    assert (first["seq"], first["before"], first["reason"]) == ("1", '{"max": 1}', 'so "it"\nis')
    assert (first["trace_id"], first["hmac"]) == ("00ff00ff00ff00ff", entry.hmac)
    assert first["created_at"] == entry.created_at.isoformat(timespec="microseconds")
    assert (last["actor"], last["action"]) == ("admin:grace", "audit.export")


def test_the_entry_about_it_is_there_before_anything_is_read() -> None:
    append()
    export(lately(actor="admin:ada"), actor="admin:grace")

    own = AuditEntry.objects.get(action="audit.export")
    assert own.after is not None
    assert own.after["actor"] == "admin:ada"


def test_what_comes_after_the_export_began_is_not_in_it() -> None:
    lines = export(lately(), actor="x")
    append(subject="later")
    assert "later" not in "".join(lines)


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "=cmd|' /C calc'!A0"])
def test_no_cell_is_a_formula(start: str) -> None:
    append(subject=start, reason=start)
    (first, _) = read(export(lately(), actor="x"))
    assert first["subject"] == f"'{start}"
    assert first["reason"] == f"'{start}"


@pytest.mark.parametrize(
    ("named", "subjects"),
    [
        ({"actor": "admin:grace"}, ["b"]),
        ({"action": "log_in"}, ["c"]),
        ({"trace_id": "0000000000000001"}, ["d"]),
        ({"actor": "admin:ada", "action": "log_in"}, ["c"]),
        ({"actor": "admin"}, []),
    ],
)
def test_it_can_be_narrowed(named: dict[str, str], subjects: list[str]) -> None:
    append(subject="a")
    append(subject="b", actor="admin:grace")
    append(subject="c", action="log_in")
    with bind_trace("0000000000000001"):
        append(subject="d", actor="shell:x", action="x")
    assert [row["subject"] for row in read(export(lately(**named), actor="y"))] == subjects


def test_a_log_of_several_pages_is_read_whole_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_csv, "PAGE", 2)
    for _ in range(5):
        append()
    assert [row["seq"] for row in read(export(lately(), actor="x"))] == ["1", "2", "3", "4", "5", "6"]


def test_the_command_writes_a_new_file_for_its_owner_alone(tmp_path: Path) -> None:
    append()
    file, said = tmp_path / "audit.csv", StringIO()

    call_command("export_audit", "--since", f"{clock.now():%Y-%m-%d}", "--out", str(file), stdout=said)

    assert "2 entries" in said.getvalue()
    assert file.stat().st_mode & 0o777 == 0o600
    assert [row["action"] for row in read([file.read_text()])] == ["policy.change", "audit.export"]
    assert AuditEntry.objects.get(seq=2).actor.startswith("shell:")
    with pytest.raises(CommandError, match="exists"):
        call_command("export_audit", "--since", "2026-01-01", "--out", str(file))


def test_the_command_prints_and_ends_before_until() -> None:
    append()
    said = StringIO()
    call_command("export_audit", since="2026-01-01", until=f"{clock.now() - HOUR:%Y-%m-%dT%H:%M}", stdout=said)
    assert read([said.getvalue()]) == []
    assert said.getvalue().startswith('"seq","created_at"')


@pytest.mark.parametrize(
    "period", [{"since": "yesterday"}, {"since": "2026-02-31"}, {"since": "2026-02-02", "until": "2026-02-02"}]
)
def test_the_command_refuses_what_is_no_period_and_records_nothing(period: dict[str, str]) -> None:
    with pytest.raises(CommandError):
        call_command("export_audit", **period)
    assert not AuditEntry.objects.exists()
