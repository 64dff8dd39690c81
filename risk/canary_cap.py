"""What one LIVE order may be at most: the setting, until a super admin sets another cap or lifts it."""

from decimal import Decimal

import structlog
from django.conf import settings
from django.db import connection, transaction

from risk.models import CanaryCapChange
from risk.trading_state import ReasonMissing
from vanta import audit

log = structlog.get_logger(__name__)
LOCK = 0x7269736B_04  # of pg_advisory_xact_lock: numbers are given in the order of the commits


def last() -> CanaryCapChange | None:
    """The change that holds now; None while the setting does."""
    return CanaryCapChange.objects.order_by("-id").first()


def current() -> Decimal | None:
    """The cap in USDC of notional; None where it was lifted. An unreadable one raises the database's error."""
    changed = last()
    return settings.CANARY_MAX_NOTIONAL_USD if changed is None else changed.max_notional_usd


def is_looser(after: Decimal | None, before: Decimal | None) -> bool:
    """Whether `after` lets larger orders through."""
    return before is not None and (after is None or after > before)


def change(max_notional_usd: Decimal | None, *, actor: str, reason: str) -> CanaryCapChange:
    """Set the cap, or lift it (None), with its audit entry, in one transaction. Raises ReasonMissing.

    Whether `actor` may is the caller's to check. It counts from the next decision on; what was sent is not called back.
    """
    if not reason.strip():
        raise ReasonMissing(actor=actor)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        before = current()
        changed = CanaryCapChange.objects.create(max_notional_usd=max_notional_usd, actor=actor, reason=reason)
        audit.append(
            actor=actor,
            action="canary_cap.change",
            subject="canary_cap",
            before={"max_notional_usd": before},
            after={"max_notional_usd": max_notional_usd},
            reason=reason,
        )
    log.warning("canary_cap_changed", before=str(before), after=str(max_notional_usd), actor=actor)
    return changed
