"""Say that what the chain knows of an order's fill is in order after all: its trader can open again."""

import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from trading import receipt_checks
from trading.errors import OrderNotFound


class Command(BaseCommand):
    """Exit code 1 where nothing is contradicted."""

    help = __doc__ or ""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("order", type=int)
        parser.add_argument("--reason", required=True, help="how you know that the fill is what it should be")

    def handle(self, *args: Any, **options: Any) -> None:
        actor = f"shell:{getpass.getuser()}"
        try:
            receipt = receipt_checks.accept(options["order"], actor=actor, reason=options["reason"])
        except OrderNotFound as error:
            raise CommandError(f"The chain contradicts no fill of order {options['order']}.") from error
        self.stdout.write(f"Accepted: {receipt.transaction_hash} ({receipt.outcome.replace('_', ' ')}).")
