"""Print everything that happened to an order, from the Telegram update to the message."""

import re
from html import unescape
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from trading.errors import OrderNotFound
from trading.selectors import order_chain
from trading.telegram import story


class Command(BaseCommand):
    help = "The whole chain of an order with times: update, events, intent, attempts, fills, checks, messages."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("order", type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            chain = order_chain(options["order"])
        except OrderNotFound as error:
            raise CommandError(f"There is no order {options['order']}.") from error
        self.stdout.write(unescape(re.sub(r"<[^>]+>", "", story.why(chain))))
        for row in chain.messages:
            self.stdout.write(
                f"message {row.pk}: {row.method} {row.status}, attempts {row.attempts}, "
                f"Telegram message {row.telegram_message_id or '—'}, trace {row.trace_id}"
            )
