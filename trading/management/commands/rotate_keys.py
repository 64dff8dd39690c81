"""Re-wraps all delegate keys with the current key-encryption key; online, and resumed where it was interrupted."""

import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from trading.errors import KeyUnavailable
from trading.keys import delegate_keys, rotation

NO_KEYS = (
    "This process has no KEY_ENCRYPTION_KEYS. Run it as the signing worker runs, with its environment:\n"
    "  VANTA_ROLE=signing python manage.py rotate_keys"
)


class Command(BaseCommand):
    """Prints counts; exit code 1 while a key is left that the given key-encryption keys do not open."""

    help = __doc__ or ""

    def handle(self, *args: Any, **options: Any) -> None:
        rewrapped = unreadable = 0
        try:
            for batch in rotation.rotate(actor=f"shell:{getpass.getuser()}"):
                rewrapped, unreadable = rewrapped + len(batch.rewrapped), unreadable + len(batch.unreadable)
                self.stdout.write(f"{rewrapped} re-wrapped, {unreadable} unreadable")
        except KeyUnavailable as error:
            raise CommandError(NO_KEYS) from error
        left = rotation.left_behind()
        current = delegate_keys.keyring().current_id
        self.stdout.write(f"Current key {current}: {rewrapped} re-wrapped now, {left} left under other keys.")
        if left:
            raise CommandError(
                "Add the keys that wrap them to KEY_ENCRYPTION_KEYS, behind the current one, and repeat."
            )
        self.stdout.write("Older keys can be taken out of KEY_ENCRYPTION_KEYS once the signing worker was restarted.")
