"""A backup is proven before it has its name, holds what was committed when it began, and comes back whole."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection
from psycopg2 import sql

from risk import trading_state
from risk.trading_state import TradingState
from tests.factories import make_trader
from trading.models import LedgerEntry
from vanta.backup import PROVEN, BackupFailed, back_up, restore
from vanta.models import AuditEntry

CHECKOUT = Path(__file__).resolve().parents[2]
NAME = "vanta_restored"
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]


@pytest.fixture
def filled() -> None:
    make_trader()
    for state in (TradingState.REDUCING, TradingState.ACTIVE):
        trading_state.change(state, actor="test", reason="a test")


def url_of(database: str) -> str:
    told = connection.settings_dict
    return f"postgres://{told['USER']}:{told['PASSWORD']}@{told['HOST']}:{told['PORT']}/{database}"


@pytest.fixture
def empty_database() -> Iterator[str]:
    """The URL of a database without tables."""
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(NAME)))
        cursor.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(NAME)))
    yield url_of(NAME)
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(NAME)))


def script(name: str, argument: Path, url: str = "") -> subprocess.CompletedProcess[str]:
    own = {"DATABASE_URL": url or url_of(connection.settings_dict["NAME"]), "PYTHON": sys.executable}
    command = ["sh", f"deploy/{name}", str(argument)]
    return subprocess.run(command, cwd=CHECKOUT, env=os.environ | own, capture_output=True, text=True, check=False)


def databases() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database")
        return {name for (name,) in cursor.fetchall()}


@pytest.mark.usefixtures("filled")
def test_a_backup_is_proven_and_comes_back_whole(tmp_path: Path, empty_database: str) -> None:
    before = databases()

    made = script("backup.sh", tmp_path)

    assert made.returncode == 0, made.stderr
    assert "restored and compared" in made.stdout
    assert databases() == before  # the scratch database is gone
    (dump,) = tmp_path.glob("*.dump")
    told = json.loads(dump.with_suffix(".json").read_text())
    assert told["rows"]["trading_ledgerentry"] == LedgerEntry.objects.count() > 0
    assert told["audit_head"] == f"2:{AuditEntry.objects.get(seq=2).hmac}"
    assert dump.stat().st_mode & 0o077 == 0
    proof = AuditEntry.objects.get(seq=3)
    assert (proof.action, proof.subject) == (PROVEN, dump.name)

    restored = script("restore.sh", dump, empty_database)

    assert restored.returncode == 0, restored.stderr
    assert f"whole up to {told['audit_head']}" in restored.stdout
    assert "broken at entry 3: cut_off" in restored.stderr  # the proof, which is younger than what was dumped


@pytest.mark.usefixtures("filled")
def test_rows_that_are_not_there_fail_the_restore(tmp_path: Path, empty_database: str) -> None:
    dump = back_up(tmp_path, prove=False)
    told = json.loads(dump.with_suffix(".json").read_text())
    told["rows"]["trading_trader"] += 1
    dump.with_suffix(".json").write_text(json.dumps(told))

    assert "rows differ in trading_trader" in script("restore.sh", dump, empty_database).stderr


@pytest.mark.usefixtures("filled")
def test_a_dump_of_a_forged_audit_log_gets_no_name(tmp_path: Path) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE vanta_auditentry DISABLE TRIGGER USER")
        cursor.execute("UPDATE vanta_auditentry SET reason = 'another' WHERE seq = 1")
        cursor.execute("ALTER TABLE vanta_auditentry ENABLE TRIGGER USER")

    made = script("backup.sh", tmp_path)

    assert made.returncode == 1
    assert "the audit log is broken at entry 1: forged" in made.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_dump_is_not_restored(tmp_path: Path) -> None:
    dump = back_up(tmp_path, prove=False)
    dump.write_bytes(dump.read_bytes()[:-1])

    with pytest.raises(BackupFailed, match="damaged or changed"):
        restore(dump)


def test_a_database_that_has_tables_is_not_restored_into(tmp_path: Path) -> None:
    with pytest.raises(BackupFailed, match="the database is not empty"):
        restore(back_up(tmp_path, prove=False))
