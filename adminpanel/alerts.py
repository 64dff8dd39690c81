"""Telling admins what they have to know at once, whatever it is: once when it has lasted, once when it is over.

That it was told is written with the messages, in one transaction. Two that tell at the same time never tell the same:
what one has locked, the other passes over. What is critical is told again every ALERT_REPEAT_MINUTES until it is over
or somebody has said "I have it". Without admins in the settings nothing is told, and what still lasts is told to the
first one there is.
"""

import datetime as dt
from collections.abc import Sequence

import structlog
from django.conf import settings
from django.db import connection, transaction

from adminpanel import alert_texts
from adminpanel.alert_conditions import CannotTell, Condition, Finding
from adminpanel.models import Alert
from trading import outbox
from trading.telegram import cards
from trading.telegram.admins import admin_ids
from trading.telegram.cards import Payload
from vanta import clock

log = structlog.get_logger(__name__)
LONGEST_DETAIL = 300
LOCK = 0x61646D69_01  # of pg_advisory_xact_lock: of two that tell what has passed, the second finds it told
VERB = "have_it"  # of the button


def tell(condition: Condition) -> int:
    """Look once, and owe the admins a message where there is something to say; how many chats were owed one."""
    now, admins = clock.now(), admin_ids()
    try:
        finding = condition.look(now)
    except CannotTell:
        return 0
    with transaction.atomic():
        alert = _open(condition)
        if alert is None and finding:
            begun = Alert(kind=condition.kind, began_at=min(finding.since, now))
            Alert.objects.bulk_create([begun], ignore_conflicts=True)  # the constraint lets one in, whoever notices
            alert = _open(condition)
        if alert is None:
            return 0
        payload = _lasts(alert, condition, finding, now, admins) if finding else _is_over(alert, condition, now)
        if payload:
            owe(payload, admins)
    return len(admins) if payload else 0


def tell_passed(kind: Alert.Kind, since: dt.datetime, why: str) -> int:
    """Owe the admins one message about what is over, as nothing could be written while it lasted; how many chats."""
    now, admins = clock.now(), admin_ids()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        if not admins or Alert.objects.filter(kind=kind, began_at__lte=now, ended_at__gte=since).exists():
            return 0
        alert = Alert(kind=kind, detail=why[:LONGEST_DETAIL], is_critical=True, began_at=since, ended_at=now)
        alert.told_begin_at = alert.last_told_at = alert.told_end_at = now
        alert.save()
        owe(cards.text(alert_texts.has_passed(alert, now - since)), admins)
    return len(admins)


def _open(condition: Condition) -> Alert | None:
    """Under its lock; None also where somebody else is at it."""
    return Alert.objects.select_for_update(skip_locked=True).filter(kind=condition.kind, ended_at=None).first()


def owe(payload: Payload, admins: Sequence[int]) -> None:
    """One message to each admin's private chat, in the caller's transaction."""
    with outbox.together():
        for admin in admins:
            outbox.owe(admin, "sendMessage", payload)


def detail_of(finding: Finding) -> str:
    """All of it in one line, as far as it fits."""
    pairs = finding.subjects.items()
    said = [f"{subject}: {words}" if subject and words else subject or words for subject, words in pairs]
    return "; ".join(said)[:LONGEST_DETAIL]


def _lasts(
    alert: Alert, condition: Condition, finding: Finding, now: dt.datetime, admins: Sequence[int]
) -> Payload | None:
    """What is to be told of an alert that goes on; nothing where it is too soon, or was told."""
    before = dict(vars(alert))
    alert.detail, alert.is_critical, alert.calm_since = detail_of(finding), finding.is_critical, None
    alert.told_subjects = [subject for subject in alert.told_subjects if subject in finding.subjects]
    payload = None
    if admins and now - alert.began_at >= condition.patience:
        payload = _news(alert, finding, now)
    if payload:
        condition.told(finding.subjects, now)
        alert.told_subjects, alert.last_told_at = list(finding.subjects), now
        alert.told_begin_at = alert.told_begin_at or now
        log.warning("alert_told", kind=alert.kind, detail=alert.detail)
    if vars(alert) != before:
        alert.save()
    return payload


def _news(alert: Alert, finding: Finding, now: dt.datetime) -> Payload | None:
    """It begins, more of it has come, or it goes on and nobody has it."""
    unheard = {name: words for name, words in finding.subjects.items() if name not in alert.told_subjects}
    lasted = now - alert.began_at
    if alert.told_begin_at is None:
        return _with_button(alert, alert_texts.begins(alert, finding.subjects, lasted))
    if unheard:
        alert.acknowledged_at, alert.acknowledged_by = None, ""  # what somebody has is not this
        return _with_button(alert, alert_texts.begins(alert, unheard, lasted))
    if not alert.is_critical or alert.acknowledged_at or not _is_due_again(alert, now):
        return None
    return _with_button(alert, alert_texts.lasts(alert, finding.subjects, lasted))


def _is_due_again(alert: Alert, now: dt.datetime) -> bool:
    every = dt.timedelta(minutes=settings.ALERT_REPEAT_MINUTES)
    return bool(every) and now - (alert.last_told_at or alert.began_at) >= every


def _with_button(alert: Alert, words: str) -> Payload:
    return cards.text(words, [("✋ I have it", f"{VERB}:{alert.pk}")])


def _is_over(alert: Alert, condition: Condition, now: dt.datetime) -> Payload | None:
    """What is to be told of an alert that is over; nothing where nobody knew of it, or it may come back."""
    if alert.told_begin_at is None:
        alert.delete()
        return None
    if condition.calm and alert.calm_since is None:
        alert.calm_since = now
        alert.save(update_fields=["calm_since"])
    calm_since = alert.calm_since or now
    if now - calm_since < condition.calm:
        return None
    alert.ended_at, alert.told_end_at = max(calm_since, alert.began_at), now
    alert.save(update_fields=["ended_at", "told_end_at"])
    log.info("alert_end_told", kind=alert.kind)
    return cards.text(alert_texts.is_over(alert, alert.ended_at - alert.began_at, condition.over()))
