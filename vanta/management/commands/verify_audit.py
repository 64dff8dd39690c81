"""`manage.py verify_audit`: is the audit log whole?"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from vanta import audit


class Command(BaseCommand):
    help = "Walk the audit log's chain and name the first entry that was edited, inserted, deleted or cut off."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--head", metavar="SEQ:HMAC", help="a head from a log line (audit_entry_appended): it must be in the chain"
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
        self.stdout.write(
            f"{report.count} audit entries are whole, compared with {known}. Head: {report.head or 'none'}"
        )
