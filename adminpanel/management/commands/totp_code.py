"""Prints a code for the demo super admin's log-in, who has no telephone. Refused in production."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from adminpanel.management.commands.seed import DEMO_ADMIN
from adminpanel.second_factor import device_of, fresh_code


class Command(BaseCommand):
    """The next one where the current one was used already: it is accepted, too."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", choices=[DEMO_ADMIN])

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("Codes come from the device alone in production.")
        user = User.objects.filter(username=options["name"]).first()
        device = device_of(user) if user else None
        if device is None:
            raise CommandError("The demo super admin is not there yet: `manage.py seed` makes one.")
        self.stdout.write(fresh_code(device))
