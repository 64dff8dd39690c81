"""Telling admins in Telegram what is wrong with the venue, each thing once, in one transaction with its message."""

from html import escape

import structlog
from django.db import transaction

from trading import outbox
from trading.models import VenueAlarm
from trading.telegram import cards
from trading.telegram.admins import admin_ids
from vanta import clock

log = structlog.get_logger(__name__)
AT_ONCE = 20
_WORDS = {
    VenueAlarm.Kind.UNKNOWN_ORDER: "What became of it is not known after two minutes. Look at the order's page.",
    VenueAlarm.Kind.DISPUTED_FILL: "The venue tells of a fill that is not what was ordered. It was not booked.",
    VenueAlarm.Kind.IDENTITY: "Nothing is signed until it is as it was. Look before you trust it again.",
    VenueAlarm.Kind.REFUSED: "The venue refuses what it should take. It may have changed how it wants orders: "
    "stop openings with /stop until you know.",
    VenueAlarm.Kind.KEY: "No key, no signature: the order waits. Look at the signing worker's KEY_ENCRYPTION_KEYS.",
    VenueAlarm.Kind.BOOKS: "No LIVE openings for this trader until the books agree.",
    VenueAlarm.Kind.CHAIN: "No LIVE openings for its trader until the chain agrees. Look at the transaction on a block "
    "explorer; `manage.py accept_receipt` says that all is well.",
}


@transaction.atomic
def tell_alarms() -> int:
    """Owe the admins one message about the alarms that nobody was told of yet; how many. None without admins."""
    admins = admin_ids()
    if not admins:
        return 0
    untold = VenueAlarm.objects.select_for_update(skip_locked=True).filter(told_at=None).order_by("pk")
    alarms = list(untold[:AT_ONCE])
    if not alarms:
        return 0
    payload = cards.text("\n\n".join(map(_text, alarms)))
    with outbox.together():
        for admin in admins:
            outbox.owe(admin, "sendMessage", payload)
    VenueAlarm.objects.filter(pk__in=[alarm.pk for alarm in alarms]).update(told_at=clock.now())
    log.info("venue_alarms_told", alarms=len(alarms), admins=len(admins))
    return len(alarms)


def _text(alarm: VenueAlarm) -> str:
    kind = VenueAlarm.Kind(alarm.kind)
    lines = [f"🚨 <b>{escape(alarm.subject)}</b>: {kind.label}", _WORDS[kind]]
    return "\n".join([*lines, *([f"<i>{escape(alarm.detail)}</i>"] if alarm.detail else [])])
