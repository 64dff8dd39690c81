"""What has to be looked at again each month, and when somebody last did, by the audit log.

Key rotation is dated by the rotation itself as well: whoever has rotated has looked.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from risk.trading_state import ReasonMissing
from trading import outbox
from vanta import audit, clock
from vanta.models import AuditEntry

ACTION = "review.done"
KEYS_ROTATED = "keys.rotate"
DUE_AFTER = dt.timedelta(days=30)
SUBJECTS = {
    "limits": "Risk policies and the limits of the settings: do they still fit? manage.py replay_policy --since 30d",
    "price-sources": "Feeds in the admin: which sources failed or deviated, which markets lost their price",
    "admin-permissions": "Users in the admin: does everybody there still need the role? Who has left?",
    "key-rotation": "docs/operations.md, Keys: KEY_ENCRYPTION_KEYS, tokens and secrets",
    "dependencies": "requirements.txt: advisories and new versions; make lock, make check test",
}


@dataclass(frozen=True, slots=True)
class Review:
    """One subject: when it was last reviewed and by whom; None where it never was."""

    name: str
    what: str
    last_at: dt.datetime | None
    by: str

    @property
    def due_at(self) -> dt.datetime | None:
        return self.last_at + DUE_AFTER if self.last_at else None

    @property
    def is_due(self) -> bool:
        return self.due_at is None or self.due_at <= clock.now()


def reviews() -> list[Review]:
    """All subjects, in order."""
    return [_review(name, what) for name, what in SUBJECTS.items()]


def _review(name: str, what: str) -> Review:
    done = Q(action=ACTION, subject=f"review:{name}")
    if name == "key-rotation":
        done |= Q(action=KEYS_ROTATED)
    last = AuditEntry.objects.filter(done).order_by("-seq").first()
    return Review(name, what, last.created_at if last else None, last.actor if last else "")


@transaction.atomic
def record(name: str, *, actor: str, reason: str) -> None:
    """Write down that a subject of SUBJECTS was reviewed now. Raises ReasonMissing, and KeyError for another name."""
    if not reason.strip():
        raise ReasonMissing(actor=actor)
    audit.append(actor=actor, action=ACTION, subject=f"review:{name}", after={"what": SUBJECTS[name]}, reason=reason)


@transaction.atomic
def remind() -> int:
    """Owe the super admins one message about all that is due; how many subjects."""
    due = [review for review in reviews() if review.is_due]
    if due and settings.SUPER_ADMIN_IDS:
        payload = {"text": "\n".join(_words(due)), "parse_mode": "HTML"}
        with outbox.together():
            for admin in sorted(set(settings.SUPER_ADMIN_IDS)):
                outbox.owe(admin, "sendMessage", payload)
    return len(due)


def _words(due: Sequence[Review]) -> list[str]:
    told = [f"• {review.name}: {f'{review.last_at:%Y-%m-%d}' if review.last_at else 'never'}" for review in due]
    return [
        "🗓 <b>Reviews are due</b>, last done:",
        *told,
        "<code>manage.py preflight --review</code> says what to look at.",
    ]
