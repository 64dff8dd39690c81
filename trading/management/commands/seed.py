"""Fill an empty system for trying it out: markets, a demo super admin, two demo traders with paper balances."""

import json
import secrets
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from feeds.services import refresh_markets
from trading.services.traders import register_trader

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

    def _demo_admin(self) -> None:
        """The password is made once and kept in the state directory, readable by its owner only."""
        kept = settings.STATE_DIR / "demo.json"
        user_model = get_user_model()
        if kept.exists() and user_model.objects.filter(username=DEMO_ADMIN).exists():
            return
        password = secrets.token_urlsafe(9)
        user, _ = user_model.objects.get_or_create(
            username=DEMO_ADMIN, defaults={"is_staff": True, "is_superuser": True}
        )
        user.set_password(password)
        user.save()
        settings.STATE_DIR.mkdir(parents=True, exist_ok=True)
        kept.touch(mode=0o600)
        kept.write_text(json.dumps({"username": DEMO_ADMIN, "password": password}))
