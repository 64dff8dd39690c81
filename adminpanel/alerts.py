"""Telling admins in Telegram what they have to know at once: markets without a price, a price stream that is down.

Each thing is told once when it has lasted and once when it is over: that it was told is written with the messages, in
one transaction. Two that tell at the same time never tell the same: what one has locked, the other passes over.
Without admins in the settings nothing is told, and what still lasts is told to the first one there is.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from adminpanel import alert_texts
from adminpanel.models import Alert
from adminpanel.navigation import FEEDS_PAGE
from feeds.marks import LASTING
from feeds.models import ConsensusLoss
from feeds.selectors import open_markets
from feeds.stream_status import StreamStatus, read_stream
from trading import outbox
from trading.telegram import cards
from trading.telegram.admins import admin_ids
from vanta import clock
from vanta.redis import RedisDown

log = structlog.get_logger(__name__)
STILL_NEWS = dt.timedelta(hours=1)  # a loss that was over for longer before anybody could tell of it is history
STREAM_PATIENCE = dt.timedelta(seconds=30)
NOTICED_WITHIN = dt.timedelta(seconds=10)  # a stream that nobody needed before has not been down for all that time
LONGEST_DETAIL = 300


@dataclass(frozen=True, slots=True)
class Silence:
    """That the stream does not flow, as it looks now."""

    since: dt.datetime
    why: str


@transaction.atomic
def tell_losses() -> int:
    """Owe the admins one message about all that lost or regained a price since they were last told; how many chats."""
    now, admins = clock.now(), admin_ids()
    if not admins:
        return 0
    lasted = Q(began_at__lte=now - LASTING) & (Q(ended_at=None) | Q(ended_at__gte=now - STILL_NEWS))
    begun = list(_free(Q(told_loss_at=None) & lasted))
    ended = list(_free(Q(told_loss_at__isnull=False, told_end_at=None, ended_at__isnull=False)))
    if not begun and not ended:
        return 0
    passed = [loss for loss in begun if loss.ended_at]
    _mark([loss.pk for loss in begun], told_loss_at=now)
    _mark([loss.pk for loss in [*passed, *ended]], told_end_at=now)
    _owe(_loss_texts([loss for loss in begun if not loss.ended_at], passed, ended, now), admins)
    log.info("losses_told", begun=len(begun), ended=len(ended), admins=len(admins))
    return len(admins)


def _free(condition: Q) -> QuerySet[ConsensusLoss]:
    return ConsensusLoss.objects.select_for_update(skip_locked=True).filter(condition).order_by("pk")


def _mark(losses: Sequence[int], **told: dt.datetime) -> None:
    ConsensusLoss.objects.filter(pk__in=losses).update(**told)


def _loss_texts(
    lost: Sequence[ConsensusLoss], passed: Sequence[ConsensusLoss], ended: Sequence[ConsensusLoss], now: dt.datetime
) -> list[str]:
    is_open = {market.symbol for market in open_markets()}
    regained = [loss for loss in ended if loss.price_symbol in is_open]
    closed = [loss for loss in ended if loss.price_symbol not in is_open]
    return [
        *([alert_texts.lost(lost, now)] if lost else []),
        *([alert_texts.passed(passed, now)] if passed else []),
        *([alert_texts.regained(regained, now)] if regained else []),
        *([alert_texts.closed(closed)] if closed else []),
    ]


def tell_stream() -> int:
    """Owe the admins a message when the stream has been down for STREAM_PATIENCE, and when it flows again.

    How many chats were owed one. Redis down counts as a stream that is down: nobody can tell its prices.
    """
    admins = admin_ids()
    if not admins:
        return 0
    now = clock.now()
    silence = _silence(now)
    with transaction.atomic():
        if silence:
            watch = Alert(kind=Alert.Kind.PRICE_STREAM, began_at=silence.since, detail=silence.why)
            Alert.objects.bulk_create([watch], ignore_conflicts=True)  # the constraint lets one in, whoever notices
        free = Alert.objects.select_for_update(skip_locked=True)
        alert = free.filter(kind=Alert.Kind.PRICE_STREAM, ended_at=None).first()
        if alert is None:
            return 0
        text = _lasts(alert, silence, now) if silence else _is_over(alert, now)
        if text:
            _owe([text], admins)
    return len(admins) if text else 0


def _silence(now: dt.datetime) -> Silence | None:
    """None while the stream flows, and while there is nothing to stream."""
    try:
        stream = read_stream()
    except RedisDown:
        return Silence(now, "Redis does not answer")
    if (stream and stream.is_flowing(clock.now_ms())) or not any(market.lazer_feed_id for market in open_markets()):
        return None
    if stream is None:
        return Silence(now, "no streamer runs")
    return Silence(max(clock.from_ms(stream.last_price_ms), now - NOTICED_WITHIN), _why(stream))


def _why(stream: StreamStatus) -> str:
    failures = f", {stream.failures} failures in a row" if stream.failures else ""
    return f"{stream.state}{failures}: {stream.last_error or 'no price yet'}"[:LONGEST_DETAIL]


def _lasts(alert: Alert, silence: Silence, now: dt.datetime) -> str:
    """What is to be told of an alert that goes on; nothing where it is too soon, or was told."""
    if alert.told_begin_at or now - alert.began_at < STREAM_PATIENCE:
        return ""
    alert.told_begin_at, alert.detail = now, silence.why
    alert.save(update_fields=["told_begin_at", "detail"])
    log.warning("stream_down_told", detail=silence.why)
    return alert_texts.stream_down(silence.why, now - alert.began_at)


def _is_over(alert: Alert, now: dt.datetime) -> str:
    """What is to be told of an alert that is over; nothing where nobody knew of it."""
    if alert.told_begin_at is None:
        alert.delete()
        return ""
    alert.ended_at, alert.told_end_at = max(now, alert.began_at), now
    alert.save(update_fields=["ended_at", "told_end_at"])
    log.info("stream_up_told")
    return alert_texts.stream_up(alert.ended_at - alert.began_at)


def _owe(texts: Sequence[str], admins: Sequence[int]) -> None:
    """One message to each admin's private chat."""
    address = f"{settings.PUBLIC_BASE_URL.rstrip('/')}{FEEDS_PAGE}"
    payload = cards.text("\n\n".join([*texts, alert_texts.where_to_look(address)]))
    with outbox.together():
        for admin in admins:
            outbox.owe(admin, "sendMessage", payload)
