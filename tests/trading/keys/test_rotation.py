"""Key-encryption keys are changed online, in batches, and an interrupted change is gone on with."""

import os
import signal
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from pytest_django import Settings

from tests.trading.keys.rings import key_text, make_delegate
from tests.waiting import wait_until
from trading.keys import delegate_keys, rotation
from trading.models import Delegate
from vanta.models import AuditEntry

CHECKOUT = Path(__file__).resolve().parents[3]


@pytest.fixture
def old(settings: Settings) -> str:
    settings.KEY_ENCRYPTION_KEYS = key_text("old")
    return str(settings.KEY_ENCRYPTION_KEYS)


def rotate() -> str:
    said = StringIO()
    call_command("rotate_keys", stdout=said)
    return said.getvalue()


def all_open() -> bool:
    for delegate in Delegate.objects.filter(wrapped_key__isnull=False):
        with delegate_keys.private_key(delegate) as key:
            assert len(key) == 32
    return True


@pytest.mark.django_db
def test_every_key_is_put_under_the_current_one_and_the_old_one_is_not_needed_any_more(
    old: str, settings: Settings
) -> None:
    for _ in range(rotation.BATCH + 3):
        make_delegate()
    new = key_text("new")
    settings.KEY_ENCRYPTION_KEYS = f"{new},{old}"

    assert f"{rotation.BATCH + 3} re-wrapped now, 0 left" in rotate()

    settings.KEY_ENCRYPTION_KEYS = new
    assert all_open()
    assert set(Delegate.objects.values_list("key_id", flat=True)) == {"new"}


@pytest.mark.django_db
def test_a_second_rotation_changes_nothing_and_every_batch_is_in_the_audit_log(old: str, settings: Settings) -> None:
    made = [make_delegate().pk for _ in range(3)]
    settings.KEY_ENCRYPTION_KEYS = f"{key_text('new')},{old}"
    rotate()
    kept = list(Delegate.objects.order_by("pk").values_list("wrapped_key", flat=True))

    assert "0 re-wrapped now" in rotate()

    assert list(Delegate.objects.order_by("pk").values_list("wrapped_key", flat=True)) == kept
    (entry,) = AuditEntry.objects.filter(action="keys.rotate")
    assert entry.after == {"key_id": "new", "delegates": made}
    begun, ended = AuditEntry.objects.exclude(action="keys.rotate").order_by("seq")[:2]
    assert (begun.action, begun.after) == ("keys.rotate_begin", {"key_id": "new", "to_rewrap": 3})
    assert ended.action == "keys.rotate_end"
    assert ended.after == {"key_id": "new", "rewrapped": 3, "unreadable": 0, "left": 0}


@pytest.mark.django_db
def test_a_key_whose_old_key_is_missing_is_left_as_it_is_and_the_exit_code_says_so(
    old: str, settings: Settings
) -> None:
    lost, settings.KEY_ENCRYPTION_KEYS = make_delegate(), f"{key_text('new')},{key_text('other')}"
    with pytest.raises(CommandError, match="Add the keys"):
        rotate()
    assert Delegate.objects.get(pk=lost.pk).wrapped_key == lost.wrapped_key


@pytest.mark.django_db
def test_ended_delegates_have_nothing_to_rotate(old: str, settings: Settings) -> None:
    ended = make_delegate()
    ended.end(Delegate.Status.EXPIRED, "expired")
    ended.save(update_fields=Delegate.ENDING)
    settings.KEY_ENCRYPTION_KEYS = f"{key_text('new')},{old}"
    assert "0 re-wrapped now, 0 left" in rotate()


@pytest.mark.django_db
def test_a_process_without_keys_says_where_to_run_it(settings: Settings) -> None:
    settings.KEY_ENCRYPTION_KEYS = ""
    with pytest.raises(CommandError, match="VANTA_ROLE=signing"):
        rotate()


@pytest.mark.crash
@pytest.mark.django_db(transaction=True)
def test_a_rotation_that_is_killed_under_load_leaves_every_key_readable_and_the_next_one_ends_it(
    old: str, settings: Settings
) -> None:
    """Keys are in use and new ones are made meanwhile; a row lock holds the rotation where it is killed."""
    made = [make_delegate().pk for _ in range(4 * rotation.BATCH)]
    settings.KEY_ENCRYPTION_KEYS = f"{key_text('new')},{old}"
    moved = Delegate.objects.filter(key_id="new")
    with transaction.atomic():
        Delegate.objects.select_for_update().get(pk=made[2 * rotation.BATCH + 5])
        process = start_rotation(settings)
        wait_until(lambda: moved.count() == 2 * rotation.BATCH, 60, "two batches are done")
        make_delegate()
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    assert moved.count() == 2 * rotation.BATCH + 1
    assert all_open()

    process = start_rotation(settings)
    while process.poll() is None:
        assert all_open()
        make_delegate()

    assert process.returncode == 0
    assert not Delegate.objects.exclude(key_id="new").exists()
    assert all_open()


def start_rotation(settings: Settings) -> subprocess.Popen[bytes]:
    database = connection.settings_dict
    address = f"{database['USER']}:{database['PASSWORD']}@{database['HOST']}:{database['PORT']}"
    environment = {
        **os.environ,
        "VANTA_ROLE": "signing",
        "KEY_ENCRYPTION_KEYS": settings.KEY_ENCRYPTION_KEYS,
        "DATABASE_URL": f"postgres://{address}/{database['NAME']}",
    }
    return subprocess.Popen([sys.executable, "manage.py", "rotate_keys"], cwd=CHECKOUT, env=environment)
