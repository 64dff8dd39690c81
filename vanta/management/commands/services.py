"""Runs the embedded PostgreSQL and Redis alone, for `manage.py` commands and a debugger in other terminals."""

import signal
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from vanta.devservices import ServiceFailed
from vanta.supervision.plan import Plan


class Command(BaseCommand):
    """Runs in the foreground until SIGTERM or Ctrl-C; `.vanta/run.env` tells the other terminals the addresses."""

    help = __doc__ or ""
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
        plan = Plan.of(Path(settings.BASE_DIR), Path(settings.STATE_DIR).resolve())
        try:
            with plan.services() as services:
                plan.environment(services)
                for name in services.environment():
                    self.stdout.write(f"{name} is in {plan.state_dir / 'run.env'}")
                self.stdout.write("Stop: Ctrl-C")
                self.stdout.flush()
                signal.pause()  # the handler's exception ends it, and the context stops the servers
        except ServiceFailed as error:
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            sys.exit(128 + signal.SIGINT)
