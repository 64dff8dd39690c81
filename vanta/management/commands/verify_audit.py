"""`manage.py verify_audit`: is the audit log whole?"""

import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from vanta import audit, audit_watch


class Command(BaseCommand):
    help = "Walk the audit log's chain and name the first entry that was edited, inserted, deleted or cut off."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--head",
            metavar="HMAC",
            help="a head that was kept outside, which must be in the chain: SEQ:HMAC, or with --count the HMAC alone, "
            "as in the super admins' daily message",
        )
        parser.add_argument("--count", type=int, metavar="N", help="how many entries there were when --head was kept")
        parser.add_argument(
            "--restart-watch",
            action="store_true",
            help="where it is whole, let the standing look begin anew: a restored dump is not what it remembers",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        head = _head(options["head"], options["count"])
        report = audit.verify(head)
        if not report.intact:
            raise CommandError(f"The audit log is broken at entry {report.broken_seq}: {report.problem}.")
        known = (
            "a head kept outside" if head or audit.kept_head() else "no head kept outside: a cut-off end is not seen"
        )
        if options["restart_watch"]:
            with transaction.atomic():
                audit.append(actor=f"shell:{getpass.getuser()}", action="audit.restart_watch", subject="audit log")
            audit_watch.forget()
        self.stdout.write(
            f"{report.count} audit entries are whole, compared with {known}. Head: {report.head or 'none'}"
        )


def _head(text: str | None, count: int | None) -> audit.Head | None:
    """The chain has no gaps: so many entries end in the one of that number. Raises CommandError."""
    if not text:
        if count is not None:
            raise CommandError("--count says how many entries there were at --head: give both.")
        return None
    try:
        head = audit.Head.parse(text if ":" in text or count is None else f"{count}:{text}")
    except ValueError as error:
        raise CommandError("--head is written SEQ:HMAC, like 12:9f86d0…, or HMAC with --count 12") from error
    if count is not None and head.seq != count:
        raise CommandError(f"--head is of entry {head.seq}, --count says {count}.")
    return head
