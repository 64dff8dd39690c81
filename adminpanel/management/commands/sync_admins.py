"""Carries out what has changed in ADMIN_USER_IDS and SUPER_ADMIN_IDS: users, their roles, sessions that end."""

from typing import Any

from django.core.management.base import BaseCommand

from adminpanel.seeding import bring_admins_in_step


class Command(BaseCommand):
    """For each release, after `migrate`."""

    help = __doc__ or ""

    def handle(self, *args: Any, **options: Any) -> None:
        for done in bring_admins_in_step():
            self.stdout.write(f"{done.username}: {done.before or 'none'} → {done.after or 'none'}")
            if done.is_new:
                self.stdout.write(f"  they log in once `manage.py changepassword {done.username}` has set a password")
