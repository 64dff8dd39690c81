"""Dumping the database, restoring a dump, and proving that the one is the other.

A dump and the counts of its rows come from one snapshot, so that orders may go on meanwhile. Beside `NAME.dump` (the
custom format of pg_dump) stand `NAME.dump.sha256` and `NAME.json` with the counts.
"""

import getpass
import hashlib
import json
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.db import connections, transaction
from django.db.backends.utils import CursorWrapper
from psycopg2 import sql

from vanta import audit, clock
from vanta.embedded.host import ServiceFailed, write_private
from vanta.embedded.postgres import client_program
from vanta.errors import VantaError

TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename"
TLS = {"sslmode": "PGSSLMODE", "sslrootcert": "PGSSLROOTCERT", "sslcert": "PGSSLCERT", "sslkey": "PGSSLKEY"}
CHUNK = 1024 * 1024
PROVEN = "backup.prove"  # the audit entry's action


class BackupFailed(VantaError):
    """No dump was made, or it is not what it should be; the message says what is wrong."""

    code = "backup_failed"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a dump holds; `audit_head` is SEQ:HMAC, empty where the log was."""

    made_at: str
    sha256: str
    audit_head: str
    rows: dict[str, int]


def back_up(directory: Path, *, prove: bool = True) -> Path:
    """Dump the default database into `directory`; restore it into a scratch database and compare. Raises BackupFailed.

    The dump has its name only once it is proven, which the audit log keeps. The scratch database needs a role that may
    create one.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    made_at = clock.now()
    dump = directory / f"vanta-{made_at:%Y%m%dT%H%M%SZ}.dump"
    part = dump.with_suffix(".part")
    try:
        manifest = _dump(part, made_at.isoformat(), prove=prove)
    except BackupFailed:
        part.unlink(missing_ok=True)
        raise
    write_private(dump.with_suffix(".json"), json.dumps(asdict(manifest), indent=1) + "\n")
    write_private(dump.with_suffix(".dump.sha256"), f"{manifest.sha256}  {dump.name}\n")
    part.rename(dump)
    if prove:
        _write_down(dump, manifest)
    return dump


def _write_down(dump: Path, manifest: Manifest) -> None:
    """The proof, where `manage.py preflight` looks for it."""
    after = {"sha256": manifest.sha256, "rows": sum(manifest.rows.values()), "audit_head": manifest.audit_head}
    with transaction.atomic():
        audit.append(actor=f"shell:{getpass.getuser()}", action=PROVEN, subject=dump.name, after=after)


def restore(dump: Path) -> Manifest:
    """Load a dump into the default database, which has to be empty, and compare. Raises BackupFailed."""
    try:
        told = json.loads(dump.with_suffix(".json").read_text())
    except OSError as error:
        raise BackupFailed(f"{dump.with_suffix('.json').name} has to lie beside the dump") from error
    manifest = Manifest(**told)
    if _sha256(dump) != manifest.sha256:
        raise BackupFailed("the dump's checksum is another: it was damaged or changed")
    with connections["default"].cursor() as cursor:
        if found := _tables(cursor):
            raise BackupFailed(f"the database is not empty, it has {len(found)} tables")
    _load(dump, "default", manifest.rows)
    return manifest


def _dump(part: Path, made_at: str, *, prove: bool) -> Manifest:
    with _snapshot() as (snapshot, rows):
        _run("pg_dump", "default", "--format=custom", "--no-owner", f"--snapshot={snapshot}", f"--file={part}")
    part.chmod(0o600)
    if not prove:
        return Manifest(made_at, _sha256(part), "", rows)
    with _scratch_database() as alias:
        return Manifest(made_at, _sha256(part), _load(part, alias, rows), rows)


@contextmanager
def _snapshot() -> Iterator[tuple[str, dict[str, int]]]:
    """A snapshot that pg_dump can take over while the block runs, and how many rows each table has in it."""
    with closing(connections["default"].copy()) as own, own.cursor() as cursor:
        cursor.execute("SET idle_in_transaction_session_timeout = 0; SET statement_timeout = 0")
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        cursor.execute("SELECT pg_export_snapshot()")
        snapshot = str(cursor.fetchone()[0])
        yield snapshot, _rows(cursor)


@contextmanager
def _scratch_database() -> Iterator[str]:
    """An empty database beside the default one, under an alias; dropped afterwards."""
    name = f"vanta_scratch_{secrets.token_hex(6)}"
    with connections["default"].cursor() as cursor:
        cursor.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
    connections.settings[name] = {**connections["default"].settings_dict, "NAME": name}
    try:
        yield name
    finally:
        connections[name].close()
        del connections[name], connections.settings[name]
        with connections["default"].cursor() as cursor:
            cursor.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def _load(dump: Path, alias: str, rows: Mapping[str, int]) -> str:
    """Load and compare; the audit log's head, SEQ:HMAC. Raises BackupFailed."""
    _run("pg_restore", alias, "--no-owner", "--exit-on-error", "--single-transaction",
         f"--dbname={connections[alias].settings_dict['NAME']}", str(dump))  # fmt: skip
    with connections[alias].cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        found = _rows(cursor)
    if found != dict(rows):
        differing = sorted(name for name in {*found, *rows} if found.get(name) != rows.get(name))
        raise BackupFailed(f"rows differ in {', '.join(differing)}")
    report = audit.verify_in(alias)
    if not report.intact:
        raise BackupFailed(f"the audit log is broken at entry {report.broken_seq}: {report.problem}")
    return str(report.head or "")


def _rows(cursor: CursorWrapper) -> dict[str, int]:
    counts = {}
    for table in _tables(cursor):
        cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table)))
        counts[table] = int(cursor.fetchone()[0])
    return counts


def _tables(cursor: CursorWrapper) -> list[str]:
    cursor.execute(TABLES)
    return [name for (name,) in cursor.fetchall()]


def _run(program: str, alias: str, *arguments: str) -> None:
    """Run a program of PostgreSQL on a database; the password goes by the environment. Raises BackupFailed."""
    try:
        path = client_program(program)
    except ServiceFailed as error:
        raise BackupFailed(str(error)) from error
    done = subprocess.run([path, *arguments], env=_environment(alias), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BackupFailed(f"{program}: {done.stderr.strip() or done.returncode}")


def _environment(alias: str) -> dict[str, str]:
    told: dict[str, Any] = connections[alias].settings_dict
    tls = {variable: told["OPTIONS"][name] for name, variable in TLS.items() if name in told["OPTIONS"]}
    names = {"PGHOST": "HOST", "PGPORT": "PORT", "PGUSER": "USER", "PGPASSWORD": "PASSWORD", "PGDATABASE": "NAME"}
    return {**{variable: str(told[name]) for variable, name in names.items() if told[name]}, **tls}


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
