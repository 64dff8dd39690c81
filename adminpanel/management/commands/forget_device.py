"""Lets somebody who has lost their device enrol another one at their next log-in, and ends their sessions."""

import getpass
from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from adminpanel import roles
from adminpanel.second_factor import forget_device
from vanta import audit


class Command(BaseCommand):
    """For whoever runs Vanta; in the admin site a super admin does it, with a code."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--reason", required=True)

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["name"]).first()
        if user is None or not forget_device(user):
            raise CommandError(f"{options['name']} has no device.")
        roles.log_out_everywhere(user)
        audit.append(
            actor=f"shell:{getpass.getuser()}",
            action="device.forget",
            subject=f"user:{user.pk}",
            reason=options["reason"],
        )
        self.stdout.write(f"{user.get_username()} enrols a device at the next log-in.")
