"""Accept the venue's chain and router as they are named now; until then nothing is signed for them."""

import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from trading.venues.avantis import identity


class Command(BaseCommand):
    """Exit code 1 where there is nothing to accept."""

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--reason", required=True, help="how you know that the new router is the venue's own")

    def handle(self, *args: Any, **options: Any) -> None:
        accepted = identity.accept(actor=f"shell:{getpass.getuser()}", reason=options["reason"])
        if accepted is None:
            raise CommandError("The venue is as it was: there is nothing to accept.")
        self.stdout.write(f"Messages are signed for {accepted.trading_router} on chain {accepted.chain_id} now.")
