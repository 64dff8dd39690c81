"""The audit log's head, told to the super admins once a day: their chats are out of reach of whoever rewrites the log.

The day's row and the messages are one transaction, and a day has one row, so that each day is told exactly once, by
whoever comes first after TOLD_AT; where nobody ran then, at the first moment after.
"""

import datetime as dt

import structlog
from django.conf import settings
from django.db import transaction

from adminpanel.alerts import owe
from adminpanel.models import HeadNotice
from trading.telegram import cards
from vanta import clock
from vanta.models import AuditEntry

log = structlog.get_logger(__name__)
TOLD_AT = dt.time(0, 5)


def tell_head() -> int:
    """Owe the day's message where it is due; how many chats."""
    now = clock.now().astimezone(dt.UTC)
    if now.time() < TOLD_AT or HeadNotice.objects.filter(day=now.date()).exists():
        return 0
    super_admins = sorted(set(settings.SUPER_ADMIN_IDS))
    with transaction.atomic():
        count, digest = AuditEntry.objects.order_by("-seq").values_list("seq", "hmac").first() or (0, "")
        said = {"count": count, "hmac": digest, "chats": len(super_admins), "at": now}
        notice, is_mine = HeadNotice.objects.get_or_create(day=now.date(), defaults=said)
        if not is_mine:
            return 0
        owe(cards.text(_words(notice)), super_admins)
    log.info("audit_daily_head", day=str(notice.day), audit_head=f"{count}:{digest}", chats=len(super_admins))
    return len(super_admins)


def _words(notice: HeadNotice) -> str:
    if not notice.count:
        return f"🧾 <b>Audit log, {notice.day}</b>\nNo entries yet."
    return (
        f"🧾 <b>Audit log, {notice.day}</b>\n"
        f"{notice.count} entries. Keep this message: it proves later that none of them was changed.\n"
        f"<code>manage.py verify_audit --head {notice.hmac} --count {notice.count}</code>"
    )
