"""`manage.py alive dispatcher`: exit status 0 while it gives signs of life. For the health checks of containers."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from health_check.exceptions import HealthCheckException

from vanta.health.dependencies import Heartbeat
from vanta.health.report import CHECKS
from vanta.heartbeat import MAX_AGES_S


class Command(BaseCommand):
    help = "Whether one check of /readyz is fine, or the streamer gives signs of life; says what it found."
    requires_system_checks: list[str] = []
    checks = {**CHECKS, "streamer": Heartbeat("streamer", MAX_AGES_S["streamer"])}

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", choices=sorted(self.checks))

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self.stdout.write(self.checks[options["name"]].run())
        except HealthCheckException as error:
            raise CommandError(str(error.message)) from error
