"""PostgreSQL ends what is stuck: a statement, a wait for a lock, a transaction of somebody who was paused."""

import re
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from psycopg2.extensions import connection as Session

from tests.vanta.test_settings import load, production
from tests.waiting import wait_until

LIMITS = {
    "statement_timeout": settings.DB_STATEMENT_TIMEOUT_S,
    "lock_timeout": settings.DB_LOCK_TIMEOUT_S,
    "idle_in_transaction_session_timeout": settings.DB_IDLE_TRANSACTION_TIMEOUT_S,
}
pytestmark = pytest.mark.django_db(transaction=True)


def impatient(name: str) -> str:
    """The options of a connection whose timeout of this name is a tenth of a second."""
    return re.sub(rf"(-c {name}=)\S+", r"\g<1>100ms", connection.get_connection_params()["options"])


@pytest.fixture
def session() -> Callable[[str], Session]:
    """A connection of its own, as the settings make it but for the options."""

    def connect(options: str) -> Session:
        found: Session = connection.get_new_connection({**connection.get_connection_params(), "options": options})
        return found

    return connect


def test_every_connection_has_the_limits_of_the_settings() -> None:
    with connection.cursor() as cursor:
        for name, seconds in LIMITS.items():
            cursor.execute("SELECT setting::int / 1000 FROM pg_settings WHERE name = %s", [name])
            assert cursor.fetchone() == (seconds,), name


def test_a_stuck_statement_ends(session: Callable[[str], Session]) -> None:
    with (
        closing(session(impatient("statement_timeout"))) as stuck,
        stuck.cursor() as cursor,
        pytest.raises(Exception, match="statement timeout"),
    ):
        cursor.execute("SELECT pg_sleep(60)")


def test_a_wait_for_a_lock_ends(session: Callable[[str], Session]) -> None:
    with closing(session(impatient("lock_timeout"))) as waiting, waiting.cursor() as cursor:
        with connection.cursor() as holder:
            holder.execute("SELECT pg_advisory_lock(4711)")
        with pytest.raises(Exception, match="lock timeout"):
            cursor.execute("SELECT pg_advisory_lock(4711)")
    connection.close()


def test_who_is_paused_in_a_transaction_loses_its_locks(session: Callable[[str], Session]) -> None:
    with closing(session(impatient("idle_in_transaction_session_timeout"))) as paused, paused.cursor() as cursor:
        paused.autocommit = False
        cursor.execute("SELECT pg_advisory_xact_lock(4711)")

        wait_until(is_free, 10, "the lock of the paused session is free")


def is_free() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(4711)")
        return bool(cursor.fetchone()[0])


def test_a_migration_has_no_end_in_time_and_work_after_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def look(*_: Any, **__: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SHOW statement_timeout")
            seen.append(cursor.fetchone()[0])

    monkeypatch.setattr("django.core.management.commands.migrate.Command.handle", look)
    call_command("migrate")
    look()

    assert seen == ["0", "30s"]


def test_what_the_url_says_of_the_connection_is_kept(tmp_path: Any) -> None:
    url = "postgres://db.example/vanta?sslmode=verify-full"
    asked = "import vanta.settings as s; print(s.DATABASES['default']['OPTIONS'])"
    told = load(tmp_path, script=asked, **{**production(), "DATABASE_URL": url}).stdout

    assert "'sslmode': 'verify-full'" in told
    assert "statement_timeout=30s" in told
