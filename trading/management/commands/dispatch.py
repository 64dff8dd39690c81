"""Run the dispatcher until told to stop."""

import signal
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection

from trading.dispatcher import Dispatcher


class Command(BaseCommand):
    help = "Find due rows and wake Celery for them; does closes, cancels and stops itself while the broker is away."

    def handle(self, *args: Any, **options: Any) -> None:
        stopping: list[int] = []
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda received, _frame: stopping.append(received))
        # A lock held for life needs one session for life.
        connection.settings_dict["CONN_MAX_AGE"] = None
        Dispatcher(lambda: bool(stopping)).run()
