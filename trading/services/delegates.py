"""A trader's delegate after it was connected: revoking it, counting down to its expiry, ending it then."""

import datetime as dt

import structlog
from django.db import transaction
from django.db.models import Q

from trading.delegate_endings import end_delegate, owe_news
from trading.models import Delegate, Trader
from vanta import clock
from vanta.wake import wake_on_commit

log = structlog.get_logger(__name__)
COUNTDOWN_H = (24, 72, 168)
Status = Delegate.Status


def latest(trader: Trader) -> Delegate | None:
    """The trader's delegate that is active or becoming so, else the last one that was."""
    theirs = Delegate.objects.filter(trader=trader)
    return theirs.filter(status__in=Delegate.OPEN).order_by("-pk").first() or theirs.order_by("-pk").first()


@transaction.atomic
def look_at_funds(trader: Trader) -> None:
    """Have balance and allowance read anew."""
    if Delegate.objects.filter(trader=trader, status=Status.ACTIVE).update(next_check_at=clock.now()):
        wake_on_commit("signing")


@transaction.atomic
def revoke(trader: Trader, delegate_id: int) -> Delegate | None:
    """Delete the key at once; None where this is not theirs or has ended. The venue's list is the wallet's."""
    mine = Delegate.objects.select_for_update(of=("self",)).filter(pk=delegate_id, trader=trader)
    delegate = mine.filter(status__in=Delegate.OPEN).first()
    if delegate is None:
        return None
    end_delegate(delegate, Status.REVOKED, "by_trader", actor=f"trader:{trader.telegram_id}")
    log.warning("delegate_revoked", delegate_id=delegate.pk, trader_id=trader.pk)
    return delegate


def watch() -> None:
    """End what has expired, and owe each warning before that once."""
    now = clock.now()
    for pk in Delegate.objects.filter(status__in=Delegate.OPEN, expires_at__lte=now).values_list("pk", flat=True):
        _expire(pk)
    soon = now + dt.timedelta(hours=max(COUNTDOWN_H))
    for delegate in Delegate.objects.filter(status=Status.ACTIVE, expires_at__gt=now, expires_at__lte=soon):
        _warn(delegate, (delegate.expires_at or now) - now)


@transaction.atomic
def _expire(delegate_id: int) -> None:
    delegate = Delegate.objects.select_for_update(of=("self",)).get(pk=delegate_id)
    if delegate.is_open:
        end_delegate(delegate, Status.EXPIRED, "expired", actor="watch")
        owe_news(delegate, "ended")


@transaction.atomic
def _warn(delegate: Delegate, left: dt.timedelta) -> None:
    """Only the nearest: after an outage there is one warning, not three."""
    hours = min(hours for hours in COUNTDOWN_H if left <= dt.timedelta(hours=hours))
    untold = Delegate.objects.filter(Q(countdown_h=None) | Q(countdown_h__gt=hours), pk=delegate.pk)
    if untold.filter(status=Status.ACTIVE).update(countdown_h=hours):
        owe_news(delegate, "countdown")
