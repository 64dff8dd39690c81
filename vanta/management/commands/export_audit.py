"""`manage.py export_audit`: the audit log as CSV."""

import datetime as dt
import getpass
import os
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_date, parse_datetime

from vanta import clock
from vanta.audit_csv import Wanted, export


class Command(BaseCommand):
    help = "Write the entries of a period as CSV. The export is an entry of the log itself."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", required=True, metavar="TIME", help="2026-11-01 or 2026-11-01T12:00, UTC")
        parser.add_argument("--until", metavar="TIME", help="up to this time, that not included; now by default")
        parser.add_argument("--actor", default="", help="these entries alone, named exactly: admin:ada")
        parser.add_argument("--action", default="", help="likewise: policy.change")
        parser.add_argument("--trace-id", default="", help="likewise")
        parser.add_argument("--out", type=Path, help="a new file, readable by its owner alone; otherwise it is printed")

    def handle(self, *args: Any, **options: Any) -> None:
        until = moment(options["until"]) if options["until"] else clock.now() + dt.timedelta(seconds=1)
        wanted = Wanted(moment(options["since"]), until, options["actor"], options["action"], options["trace_id"])
        if wanted.since >= wanted.until:
            raise CommandError("--since has to be before --until")
        if options["out"] is None:
            for line in export(wanted, actor=_actor()):
                self.stdout.write(line, ending="")
            return
        try:
            descriptor = os.open(options["out"], os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise CommandError(f"{options['out']}: {error.strerror}") from error
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            count = sum(bool(file.write(line)) for line in export(wanted, actor=_actor())) - 1
        self.stdout.write(f"{count} entries in {options['out']}")


def moment(text: str) -> dt.datetime:
    """A day's beginning, or a time; UTC where it does not say. Raises CommandError."""
    try:
        at, day = parse_datetime(text), parse_date(text)
    except ValueError as error:
        raise CommandError(f"{text}: {error}") from error
    if day is not None:
        return dt.datetime.combine(day, dt.time(), dt.UTC)
    if at is None:
        raise CommandError(f"{text} is no time: write 2026-11-01 or 2026-11-01T12:00")
    return at if at.tzinfo else at.replace(tzinfo=dt.UTC)


def _actor() -> str:
    return f"shell:{getpass.getuser()}"
