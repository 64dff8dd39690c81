"""`manage.py backup DIRECTORY`: a dump that is proven by restoring it."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from vanta.backup import BackupFailed, back_up


class Command(BaseCommand):
    help = "Dump the database while everything runs, restore it into a scratch database, compare, drop that again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("directory", type=Path)
        parser.add_argument("--no-proof", action="store_true", help="where the role may create no database")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            dump = back_up(options["directory"], prove=not options["no_proof"])
        except BackupFailed as error:
            raise CommandError(f"There is no backup: {error}") from error
        proof = "not proven" if options["no_proof"] else "restored and compared, its audit log is whole"
        self.stdout.write(f"{dump} ({dump.stat().st_size} bytes): {proof}")
