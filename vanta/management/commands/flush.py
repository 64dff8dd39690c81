"""`manage.py flush`, which also empties append-only tables, and is refused in production."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.core.management.commands import flush
from django.db import connections, transaction

# tgtype's bit 5 is TRUNCATE; a table with such a trigger of ours would refuse
APPEND_ONLY_TABLES = """
SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger
 WHERE NOT tgisinternal AND tgtype & 32 <> 0
   AND tgrelid IN (SELECT oid FROM pg_class WHERE relnamespace = current_schema()::regnamespace)
"""


class Command(flush.Command):
    help = "Empty the database, append-only tables included. Refused in production."

    def handle(self, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("Production data are never flushed.")
        using = options["database"]
        with transaction.atomic(using=using), connections[using].cursor() as cursor:
            cursor.execute(APPEND_ONLY_TABLES)
            tables = [name for (name,) in cursor.fetchall()]
            for table in tables:
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            super().handle(**options)
            for table in tables:
                cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
