"""Fill an empty system for trying it out: markets, a demo super admin, two demo traders with paper balances."""

import json
import secrets
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from adminpanel import roles
from adminpanel.groups import Role
from adminpanel.second_factor import confirm, device_of, device_to_enrol
from feeds.services import refresh_markets
from trading.services.traders import register_trader
from vanta import audit

DEMO_ADMIN = "demo"
DEMO_TRADERS = ((1001, "ada", "Ada"), (1002, "grace", "Grace"))


class Command(BaseCommand):
    help = "Markets, a demo super admin and two demo traders; refused in production, harmless when repeated."

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("Demo accounts are not made in production.")
        markets = refresh_markets()
        for telegram_id, username, first_name in DEMO_TRADERS:
            register_trader(telegram_id=telegram_id, chat_id=telegram_id, username=username, first_name=first_name)
        self._demo_admin()
        self.stdout.write(f"{markets} markets, {len(DEMO_TRADERS)} traders, admin {DEMO_ADMIN}")

    @transaction.atomic
    def _demo_admin(self) -> None:
        """A super admin with a device; `manage.py totp_code demo` prints its codes.

        The password is made once and kept in the state directory, readable by its owner only.
        """
        user, is_new = User.objects.get_or_create(username=DEMO_ADMIN)
        if roles.role_of(user) is not Role.SUPER_ADMIN:
            roles.give(user, Role.SUPER_ADMIN)
            subject, after = f"user:{user.pk}", {"role": Role.SUPER_ADMIN.value}
            audit.append(actor="seed", action="user.add", subject=subject, after=after)
        kept = settings.STATE_DIR / "demo.json"
        if is_new or not kept.exists():
            password = secrets.token_urlsafe(9)
            user.set_password(password)
            user.save()
            settings.STATE_DIR.mkdir(parents=True, exist_ok=True)
            kept.touch(mode=0o600)
            kept.write_text(json.dumps({"username": DEMO_ADMIN, "password": password}))
        if device_of(user) is None:
            device_to_enrol(user)
            confirm(user)
