"""No edited, inserted, deleted or cut-off audit entry goes unseen."""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from pytest_django import Settings

from risk.models import ExecutionMode
from vanta import audit, redis
from vanta.audit import AuditOutsideTransaction, Head
from vanta.models import AuditEntry
from vanta.tracing import bind_trace

pytestmark = pytest.mark.django_db(transaction=True)


def append(count: int = 1) -> None:
    for number in range(count):
        with transaction.atomic():
            audit.append(actor="admin", action="policy.change", subject=f"policy {number}", reason="a test")


@contextmanager
def triggers_off() -> Iterator[None]:
    """What the tables' owner can do, and the database's superuser."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE vanta_auditentry DISABLE TRIGGER USER")
        yield
        cursor.execute("ALTER TABLE vanta_auditentry ENABLE TRIGGER USER")


def tamper(statement: str) -> None:
    with triggers_off(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_an_untouched_chain_is_whole() -> None:
    append(5)
    report = audit.verify()
    assert (report.intact, report.count) == (True, 5)
    assert report.head is not None
    assert report.head.seq == 5


def test_an_empty_chain_is_whole() -> None:
    assert audit.verify().intact


def test_sequence_numbers_have_no_gap_after_a_rollback() -> None:
    append(2)
    with transaction.atomic():
        audit.append(actor="admin", action="policy.change", subject="undone")
        transaction.set_rollback(True)
    append(1)
    assert list(AuditEntry.objects.order_by("seq").values_list("seq", flat=True)) == [1, 2, 3]
    assert audit.verify().intact


@pytest.mark.parametrize(
    ("change", "seq", "problem"),
    [
        ("UPDATE vanta_auditentry SET reason = 'nothing to see' WHERE seq = 3", 3, "forged"),
        ('UPDATE vanta_auditentry SET after = \'{"limit": "1"}\' WHERE seq = 3', 3, "forged"),
        ("UPDATE vanta_auditentry SET created_at = created_at - interval '1 hour' WHERE seq = 3", 3, "forged"),
        ("DELETE FROM vanta_auditentry WHERE seq = 3", 3, "deleted"),
        ("DELETE FROM vanta_auditentry WHERE seq = 1", 1, "deleted"),
        ("DELETE FROM vanta_auditentry WHERE seq >= 4", 4, "cut_off"),
        ("DELETE FROM vanta_auditentry", 1, "cut_off"),
        ("DELETE FROM vanta_auditentry WHERE seq > (SELECT max(seq) - 3 FROM vanta_auditentry)", 3, "cut_off"),
        (
            "INSERT INTO vanta_auditentry SELECT 6, created_at, actor, action, subject, before, after, reason,"
            " trace_id, hmac, hmac FROM vanta_auditentry WHERE seq = 5",
            6,
            "forged",
        ),
    ],
)
def test_tampering_is_found_at_the_first_wrong_entry(change: str, seq: int, problem: str) -> None:
    append(5)
    tamper(change)
    report = audit.verify()
    assert (report.broken_seq, report.problem) == (seq, problem)


def test_an_entry_inserted_in_the_middle_is_found() -> None:
    append(5)
    tamper(
        "UPDATE vanta_auditentry SET seq = seq + 100 WHERE seq >= 3;"
        "UPDATE vanta_auditentry SET seq = seq - 99 WHERE seq > 100;"
        "INSERT INTO vanta_auditentry SELECT 3, created_at, 'nobody', action, subject, before, after, reason,"
        " trace_id, hmac, hmac FROM vanta_auditentry WHERE seq = 2"
    )
    assert audit.verify().broken_seq == 3


def test_a_cut_off_end_is_found_by_a_head_from_a_log_line_without_redis() -> None:
    append(5)
    head = audit.kept_head()
    redis.client().flushdb()
    tamper("DELETE FROM vanta_auditentry WHERE seq = 5")
    assert audit.verify().intact
    assert audit.verify(head).problem == "cut_off"


def test_a_chain_rewritten_with_the_key_differs_from_the_head_kept_outside() -> None:
    append(3)
    head = audit.kept_head()
    tamper("DELETE FROM vanta_auditentry")
    append(4)
    report = audit.verify(head)
    assert (report.broken_seq, report.problem) == (3, "rewritten")


def test_a_chain_rewritten_without_the_key_is_forged(settings: Settings) -> None:
    append(3)
    tamper("DELETE FROM vanta_auditentry")
    key, settings.AUDIT_HMAC_KEY = settings.AUDIT_HMAC_KEY, "guessed"
    append(3)
    settings.AUDIT_HMAC_KEY = key
    assert (audit.verify().broken_seq, audit.verify().problem) == (1, "forged")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE vanta_auditentry SET reason = ''",
        "DELETE FROM vanta_auditentry",
        "TRUNCATE vanta_auditentry",
    ],
)
def test_the_database_refuses_to_change_the_log(statement: str) -> None:
    append(2)
    with pytest.raises(DatabaseError, match="append-only"), connection.cursor() as cursor:
        cursor.execute(statement)
    assert audit.verify().count == 2


def test_an_entry_outside_a_transaction_is_refused() -> None:
    with pytest.raises(AuditOutsideTransaction):
        audit.append(actor="admin", action="policy.change", subject="policy")


def test_an_entry_holds_the_trace_id_and_values_as_text() -> None:
    with bind_trace("00ff00ff00ff00ff"), transaction.atomic():
        entry = audit.append(
            actor="admin",
            action="policy.change",
            subject="policy",
            before={"max_leverage": Decimal("500.00"), "mode": ExecutionMode.DRY, "ids": (1, 2)},
            after={"max_leverage": None, "open": True},
        )
    stored = AuditEntry.objects.get(seq=entry.seq)
    assert stored.trace_id == "00ff00ff00ff00ff"
    assert stored.before == {"max_leverage": "500.00", "mode": "DRY", "ids": [1, 2]}
    assert stored.after == {"max_leverage": None, "open": True}
    assert audit.verify().intact


@pytest.mark.parametrize("text", ["nul \0 inside", "a lone surrogate \ud800", "😀 ünïcode", "x" * 5000])
def test_any_text_can_be_recorded(text: str) -> None:
    with transaction.atomic():
        audit.append(actor=text, action="note", subject=text, before={text: text}, reason=text)
    assert audit.verify().intact


def test_the_head_is_kept_outside_only_once_committed() -> None:
    append(1)
    with transaction.atomic():
        audit.append(actor="admin", action="note", subject="second")
        kept = audit.kept_head()
    assert kept is not None
    assert kept.seq == 1
    after = audit.kept_head()
    assert after == Head(2, AuditEntry.objects.get(seq=2).hmac)


def test_the_command_says_that_the_log_is_whole_and_names_its_head() -> None:
    append(2)
    out = StringIO()
    call_command("verify_audit", stdout=out)
    assert out.getvalue().startswith("2 audit entries are whole, compared with a head kept outside. Head: 2:")


def test_the_command_fails_at_a_broken_entry() -> None:
    append(3)
    tamper("DELETE FROM vanta_auditentry WHERE seq = 2")
    with pytest.raises(CommandError, match="broken at entry 2: deleted"):
        call_command("verify_audit")


def test_the_command_refuses_a_head_that_is_none() -> None:
    with pytest.raises(CommandError, match="SEQ:HMAC"):
        call_command("verify_audit", "--head", "yesterday")


def test_production_data_are_never_flushed(settings: Settings) -> None:
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="never flushed"):
        call_command("flush", interactive=False)


def test_what_is_appended_last_comes_behind_the_rest_with_its_own_trace() -> None:
    with transaction.atomic(), audit.together():
        with bind_trace("00ff00ff00ff00ff"):
            audit.append_last(actor="ada", action="telegram.command", subject="typed first")
        audit.append(actor="ada", action="note", subject="written first")
    last = AuditEntry.objects.get(seq=2)
    assert (last.subject, last.trace_id) == ("typed first", "00ff00ff00ff00ff")
    with transaction.atomic(), contextlib.suppress(ValueError), audit.together():
        audit.append_last(actor="ada", action="note", subject="never")
        raise ValueError
    assert audit.verify().count == 2
