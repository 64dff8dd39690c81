"""Django's `migrate` without an end in time: what rewrites a large table may take longer than any statement of work.

A lock is still waited for no longer than DB_LOCK_TIMEOUT_S: whoever waits for one holds up all that come after. Then
nothing was changed, and it can be run again.
"""

from typing import Any

from django.core.management.commands import migrate
from django.db import connections


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> Any:
        """As Django's; the timeout of the connection is as it was afterwards."""
        connection = connections[options["database"]]
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")
        try:
            return super().handle(*args, **options)
        finally:
            connection.close()
