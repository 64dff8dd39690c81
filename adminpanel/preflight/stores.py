"""Checks of PostgreSQL, Redis and the broker: there, durable, and ended where they hang."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import redis
from django.conf import settings
from django.db import Error, connection
from django.db.migrations.loader import MigrationLoader
from redis.exceptions import RedisError

from adminpanel.preflight.findings import Finding, amber, green, red
from vanta import queues

TIMEOUT_S = 2
NEARLY_FULL = 0.8
SHOWN = 5
MUST_BE_ON = ("fsync", "synchronous_commit", "full_page_writes")
ENDS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
_ASKED = """
    SELECT json_object_agg(name, setting) FROM pg_settings
    WHERE name = ANY(%s)
"""


def postgresql() -> Finding:
    """Reachable, writable, durable; sessions in UTC, whose statements end."""
    names = [*MUST_BE_ON, *ENDS, "TimeZone", "server_version", "max_connections"]
    try:
        with connection.cursor() as cursor:
            cursor.execute(_ASKED, [names])
            (told,) = cursor.fetchone()
            cursor.execute(
                "SELECT pg_is_in_recovery(), rolsuper, (SELECT count(*) FROM pg_stat_activity) "
                "FROM pg_roles WHERE rolname = current_user"
            )
            is_replica, is_superuser, sessions = cursor.fetchone()
    except Error as error:
        return red(f"PostgreSQL: {_first_line(error)}", "Start it, or correct DATABASE_URL.")
    if is_replica:
        return red("DATABASE_URL points at a replica: nothing can be written.", "Point it at the primary.")
    return judge_postgresql(told, sessions=sessions, is_superuser=is_superuser)


def judge_postgresql(told: Mapping[str, Any], *, sessions: int, is_superuser: bool) -> Finding:
    """What its settings, as `pg_settings` has them, mean for what was acknowledged."""
    lossy = [name for name in MUST_BE_ON if told[name] == "off"]
    if lossy:
        return red(
            f"{', '.join(lossy)} off: what was acknowledged can be lost.",
            "Switch on in postgresql.conf or for the role, and reload.",
        )
    if told["TimeZone"] not in ("UTC", "Etc/UTC"):
        return red(f"Sessions are in {told['TimeZone']}, not in UTC.", "Set TimeZone of the role to UTC.")
    endless = [name for name in ENDS if told[name] == "0"]
    if endless:
        return amber(f"{', '.join(endless)} 0: what is stuck stays.", "Set the DB_*_TIMEOUT_S above 0.")
    if sessions > NEARLY_FULL * int(told["max_connections"]):
        return amber(f"{sessions} of {told['max_connections']} sessions are in use.", "Raise max_connections.")
    if is_superuser:
        return amber(
            "Vanta's role is a superuser: it could switch off what keeps the books append-only.",
            "Give DATABASE_URL a role without SUPERUSER that owns the database (deploy/postgres/init.sh).",
        )
    return green(f"PostgreSQL {told['server_version'].split()[0]} is durable; what hangs there is ended.")


def migrations() -> Finding:
    """All applied, and none that this version does not know of its own apps."""
    loader = MigrationLoader(connection)
    missing = sorted(set(loader.graph.nodes) - set(loader.applied_migrations))
    if missing:
        return red(f"{len(missing)} not applied: {_named(missing)}.", "manage.py migrate")
    unknown = sorted(set(loader.applied_migrations) - set(loader.disk_migrations))
    if unknown:
        saw = f"The database knows migrations of another version: {_named(unknown)}."
        return amber(saw, "Run the newest version alone.")
    return green(f"All {len(loader.applied_migrations)} migrations are applied.")


def _named(keys: Sequence[tuple[str, str]]) -> str:
    return ", ".join(".".join(key) for key in keys[:SHOWN])


def redis_server() -> Finding:
    """The application's Redis."""
    return _redis(settings.REDIS_URL, "REDIS_URL")


def broker() -> Finding:
    """Celery's broker: the queues' depths, and where it is a Redis the same as of the other one."""
    try:
        depths = queues.depths()
    except queues.BrokerDown as error:
        return red(f"The broker does not answer: {type(error).__name__}.", "Start it, or correct CELERY_BROKER_URL.")
    if urlsplit(settings.CELERY_BROKER_URL).scheme.startswith("redis"):
        finding = _redis(settings.CELERY_BROKER_URL, "CELERY_BROKER_URL")
        if finding.do:
            return finding
    waiting = sum(depths.values())
    return green(f"{len(depths)} queues, {waiting} messages wait.")


def _redis(url: str, name: str) -> Finding:
    try:
        with redis.Redis.from_url(
            url, decode_responses=True, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S
        ) as client:
            client.set("preflight:probe", "1", ex=60)
            told: dict[str, Any] = {**client.info("persistence"), **client.info("memory")}
    except RedisError as error:
        return red(f"Redis ({name}): {_first_line(error)}", f"Start it, or correct {name}.")
    return judge_redis(told)


def judge_redis(told: Mapping[str, Any]) -> Finding:
    """What INFO says of it, which hosted servers answer where they refuse CONFIG."""
    policy, most = told.get("maxmemory_policy", "unknown"), int(told.get("maxmemory", 0))
    if policy != "noeviction":
        return red(
            f"maxmemory-policy is {policy}: a full Redis would forget limits and wakes.",
            "CONFIG SET maxmemory-policy noeviction, and in its configuration.",
        )
    if not told.get("aof_enabled"):
        return amber(
            "appendonly is off: a restart forgets wakes, marks and limits, and PostgreSQL has to tell them again.",
            "CONFIG SET appendonly yes, and in its configuration.",
        )
    if told.get("aof_last_write_status", "ok") != "ok":
        return red("Redis cannot write its append-only file.", "Make room on its disk.")
    if most and int(told.get("used_memory", 0)) > NEARLY_FULL * most:
        return amber("Redis is nearly full; then it refuses writes.", "Raise maxmemory.")
    return green("An append-only file, and nothing is evicted.")


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]
