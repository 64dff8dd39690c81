"""`manage.py restore FILE`: load a dump into an empty database, and compare."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from vanta.backup import BackupFailed, restore


class Command(BaseCommand):
    help = "Load a dump of `manage.py backup` into the database of DATABASE_URL, which has to be empty."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("dump", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            manifest = restore(options["dump"])
        except BackupFailed as error:
            raise CommandError(f"Nothing to rely on was restored: {error}") from error
        rows, head = sum(manifest.rows.values()), manifest.audit_head or "where it was"
        self.stdout.write(
            f"{rows} rows in {len(manifest.rows)} tables are there, as of {manifest.made_at}; the audit log is "
            f"whole up to {head}.\nNext: manage.py trading_state halted --reason restored, then docs/operations.md."
        )
