"""Run the dispatcher, and beside it the watch over everything else, until told to stop."""

import signal
from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection

from trading.dispatcher import Dispatcher
from vanta.health.watch import Watch


class Command(BaseCommand):
    help = (
        "Find due rows and wake Celery for them; do closes, cancels and stops while the broker is away; "
        "tell the admins what is wrong."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        stopping: list[int] = []
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda received, _frame: stopping.append(received))
        # A lock held for life needs one session for life.
        connection.settings_dict["CONN_MAX_AGE"] = None
        watch = Watch()
        watch.start()
        Dispatcher(lambda: bool(stopping)).run()
        watch.stop()
