"""Telling admins in Telegram which markets have lost their price, all of them in one message.

Each loss has a row of its own already, so it is there that it was told is written, with the message.
"""

import datetime as dt
from collections.abc import Sequence

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from adminpanel import loss_texts
from adminpanel.alerts import owe
from adminpanel.navigation import FEEDS_PAGE
from feeds.marks import LASTING
from feeds.models import ConsensusLoss
from feeds.selectors import open_markets
from trading.telegram import cards
from trading.telegram.admins import admin_ids
from vanta import clock

log = structlog.get_logger(__name__)
STILL_NEWS = dt.timedelta(hours=1)  # a loss that was over for longer before anybody could tell of it is history


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
    texts = _loss_texts([loss for loss in begun if not loss.ended_at], passed, ended, now)
    address = f"{settings.PUBLIC_BASE_URL.rstrip('/')}{FEEDS_PAGE}"
    owe(cards.text("\n\n".join([*texts, loss_texts.where_to_look(address)])), admins)
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
        *([loss_texts.lost(lost, now)] if lost else []),
        *([loss_texts.passed(passed, now)] if passed else []),
        *([loss_texts.regained(regained, now)] if regained else []),
        *([loss_texts.closed(closed)] if closed else []),
    ]
