"""PostgreSQL, Redis and the broker: each shortcoming has its colour and says what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis as redis_py
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from pytest_django import Settings

from adminpanel.preflight import stores
from vanta.embedded.host import free_port

pytestmark = pytest.mark.django_db
DURABLE = {
    **dict.fromkeys(stores.MUST_BE_ON, "on"),
    **dict.fromkeys(stores.ENDS, "30000"),
    "TimeZone": "UTC",
    "server_version": "18.4 (Debian)",
    "max_connections": "200",
}
GOOD_REDIS = {"maxmemory_policy": "noeviction", "maxmemory": 100, "used_memory": 10, "aof_enabled": 1}


@pytest.mark.parametrize(
    ("changes", "sessions", "is_superuser", "colour", "saw"),
    [
        ({}, 7, False, "green", "PostgreSQL 18.4 is durable"),
        ({"fsync": "off", "full_page_writes": "off"}, 7, False, "red", "fsync, full_page_writes off"),
        ({"synchronous_commit": "off"}, 7, False, "red", "synchronous_commit off"),
        ({"synchronous_commit": "remote_apply"}, 7, False, "green", "durable"),
        ({"TimeZone": "Europe/Berlin"}, 7, False, "red", "Europe/Berlin"),
        ({"lock_timeout": "0"}, 7, False, "amber", "lock_timeout 0"),
        ({}, 161, False, "amber", "161 of 200 sessions"),
        ({}, 160, False, "green", "durable"),
        ({}, 7, True, "amber", "superuser"),
    ],
)
def test_postgresql_is_judged_by_what_it_would_lose(
    changes: dict[str, str], sessions: int, is_superuser: bool, colour: str, saw: str
) -> None:
    finding = stores.judge_postgresql({**DURABLE, **changes}, sessions=sessions, is_superuser=is_superuser)

    assert finding.colour == colour
    assert saw in finding.saw
    assert bool(finding.do) is (colour != "green")


def test_the_servers_own_settings_are_read() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")

    finding = stores.postgresql()

    assert finding.colour == "red"
    assert "synchronous_commit" in finding.saw  # beside what the tests' own quick server has off


def test_a_migration_that_is_not_applied_is_red_and_one_of_another_version_amber() -> None:
    recorder = MigrationRecorder(connection)
    assert stores.migrations().colour == "green"

    recorder.record_applied("trading", "9999_of_the_next_version")
    assert stores.migrations().colour == "amber"

    recorder.record_unapplied("adminpanel", "0002_admin_accounts")
    finding = stores.migrations()
    assert finding.colour == "red"
    assert "adminpanel.0002_admin_accounts" in finding.saw
    assert finding.do == "manage.py migrate"


@pytest.mark.parametrize(
    ("changes", "colour", "saw"),
    [
        ({}, "green", "nothing is evicted"),
        ({"maxmemory_policy": "allkeys-lru"}, "red", "allkeys-lru"),
        ({"aof_enabled": 0}, "amber", "appendonly is off"),
        ({"aof_last_write_status": "err"}, "red", "cannot write"),
        ({"used_memory": 81}, "amber", "nearly full"),
        ({"used_memory": 10**9, "maxmemory": 0}, "green", "nothing is evicted"),
    ],
)
def test_redis_is_judged_by_what_it_would_forget(changes: dict[str, Any], colour: str, saw: str) -> None:
    finding = stores.judge_redis({**GOOD_REDIS, **changes})

    assert finding.colour == colour
    assert saw in finding.saw


@contextmanager
def configured(url: str, name: str, value: str) -> Iterator[None]:
    """A server's setting, put back afterwards."""
    with redis_py.Redis.from_url(url, decode_responses=True) as client:
        before = client.config_get(name)[name]
        client.config_set(name, value)
        try:
            yield
        finally:
            client.config_set(name, before)


def test_a_redis_that_evicts_is_found_as_it_runs(settings: Settings) -> None:
    assert stores.redis_server().colour == stores.broker().colour == "green"

    with configured(settings.REDIS_URL, "maxmemory-policy", "allkeys-lru"):
        assert stores.redis_server().colour == stores.broker().colour == "red"


def test_nobody_at_the_address_is_red_and_says_which_setting(settings: Settings) -> None:
    nowhere = f"redis://:secret@127.0.0.1:{free_port()}/1"
    settings.REDIS_URL = settings.CELERY_BROKER_URL = nowhere

    for finding, name in ((stores.redis_server(), "REDIS_URL"), (stores.broker(), "CELERY_BROKER_URL")):
        assert finding.colour == "red"
        assert name in finding.do
        assert "secret" not in finding.saw
