"""Brings the database to this version: migrations that are missing, admins; the pages' files or the demo data."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection
from django.db.migrations.executor import MigrationExecutor


class Command(BaseCommand):
    """One process for both, because starting Python twice costs more than either."""

    help = __doc__ or ""

    def handle(self, *args: Any, **options: Any) -> None:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            call_command("migrate", interactive=False, verbosity=1)
        call_command("sync_admins")
        if settings.PRODUCTION:
            call_command("collectstatic", interactive=False, verbosity=0)
        else:
            call_command("seed")
        call_command("register_bot")
