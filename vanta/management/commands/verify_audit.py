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
            "--head", metavar="SEQ:HMAC", help="a head from a log line (audit_entry_appended): it must be in the chain"
        )
        parser.add_argument(
            "--restart-watch",
            action="store_true",
            help="where it is whole, let the standing look begin anew: a restored dump is not what it remembers",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            head = audit.Head.parse(options["head"]) if options["head"] else None
        except ValueError as error:
            raise CommandError("--head is written SEQ:HMAC, like 12:9f86d0…") from error
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
