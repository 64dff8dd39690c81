"""The standing look finds within a minute what was changed in the new part of the audit log, the rest in a round."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tests.vanta.test_audit_chain import append, tamper
from vanta import audit_watch, redis
from vanta.audit_watch import LATE_S, Watch, last_look, look
from vanta.models import AuditEntry
from vanta.tasks import verify_audit

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_watch, "PART", 4)


def looks(times: int) -> Watch:
    *_, last = (look() for _ in range(times))
    return last


def test_before_the_first_look_nothing_is_claimed() -> None:
    assert last_look() is None


def test_an_empty_log_is_whole() -> None:
    watch = look()
    assert (watch.problem, watch.count, watch.walked) == ("", 0, 0)
    assert watch.whole_at is not None


def test_a_long_log_is_walked_part_by_part_until_all_of_it_was_seen() -> None:
    append(10)
    assert [(watch.walked, watch.whole_at is not None) for watch in (look(), look(), look())] == [
        (4, False),
        (8, False),
        (10, True),
    ]
    watch = look()
    assert last_look() == watch


def test_what_is_appended_is_looked_at_next_time() -> None:
    append(3)
    looks(2)
    append(2)
    assert (look().walked, look().count) == (5, 5)


@pytest.mark.parametrize(
    ("change", "seq", "problem"),
    [
        ("UPDATE vanta_auditentry SET reason = 'nothing to see' WHERE seq = 3", 3, "forged"),
        ("DELETE FROM vanta_auditentry WHERE seq = 6", 6, "deleted"),
        ("DELETE FROM vanta_auditentry WHERE seq >= 9", 9, "cut_off"),
        ("UPDATE vanta_auditentry SET hmac = repeat('0', 64) WHERE seq = 10", 10, "rewritten"),
    ],
)
def test_tampering_is_found_within_a_round_and_again_each_time(change: str, seq: int, problem: str) -> None:
    append(10)
    looks(3)
    tamper(change)
    for _ in range(2):
        found = looks(3)
        assert (found.broken_seq, found.problem) == (seq, problem)


def test_a_new_entry_that_was_forged_is_found_at_once() -> None:
    append(10)
    looks(3)
    append(2)
    tamper("UPDATE vanta_auditentry SET actor = 'nobody' WHERE seq = 11")
    assert (look().broken_seq, look().problem) == (11, "forged")


def test_what_was_mended_is_whole_again() -> None:
    append(3)
    looks(2)
    tamper("UPDATE vanta_auditentry SET reason = 'other' WHERE seq = 2")
    assert looks(2).problem == "forged"
    tamper("UPDATE vanta_auditentry SET reason = 'a test' WHERE seq = 2")
    assert looks(2).problem == ""


def test_without_what_redis_kept_the_walk_begins_anew() -> None:
    append(6)
    looks(2)
    redis.client().flushdb()
    assert (look().walked, look().walked) == (4, 6)


def test_nonsense_in_redis_is_no_look() -> None:
    redis.client().set(audit_watch.KEY, '{"walked": "all of it"}')
    assert last_look() is None


def test_a_look_that_does_not_come_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    append(1)
    assert not look().is_late
    later_ms = look().at_ms + LATE_S * 1000 + 1
    monkeypatch.setattr("vanta.clock.now_ms", lambda: later_ms)
    last = last_look()
    assert last is not None
    assert last.is_late


def test_the_task_looks() -> None:
    append(1)
    verify_audit()
    last = last_look()
    assert last is not None
    assert last.walked == 1


def test_after_a_restored_dump_the_watch_is_restarted_by_hand_and_that_is_recorded() -> None:
    append(6)
    looks(2)
    tamper("DELETE FROM vanta_auditentry WHERE seq > 3")  # as an older dump is
    append(1)
    assert look().problem == "rewritten"

    call_command("verify_audit", "--restart-watch", stdout=StringIO())

    assert looks(2).problem == ""
    assert AuditEntry.objects.latest("seq").action == "audit.restart_watch"


def test_a_chain_that_is_broken_is_no_reason_to_forget_it() -> None:
    append(3)
    look()
    tamper("UPDATE vanta_auditentry SET actor = 'nobody' WHERE seq = 2")
    with pytest.raises(CommandError, match="broken at entry 2"):
        call_command("verify_audit", "--restart-watch")
    assert last_look() is not None
