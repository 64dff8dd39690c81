"""Reading when markets were without a price to trust."""

import datetime as dt
from dataclasses import dataclass

from django.db.models import Q

from feeds.marks import LASTING
from feeds.models import ConsensusLoss
from vanta import clock


@dataclass(frozen=True, slots=True)
class LossSummary:
    """The losses of consensus of a stretch of time that lasted; `open` are those that have not ended, oldest first."""

    count: int
    longest: dt.timedelta
    open: tuple[ConsensusLoss, ...]


def loss_summary(span: dt.timedelta) -> LossSummary:
    """The losses that lasted and touch the last `span`; one that has just begun may heal by itself and counts later."""
    now = clock.now()
    touching = Q(ended_at=None, began_at__lte=now - LASTING) | Q(ended_at__gte=now - span)
    losses = list(ConsensusLoss.objects.filter(touching).order_by("began_at", "price_symbol").defer("excluded"))
    return LossSummary(
        count=len(losses),
        longest=max((loss.duration(now) for loss in losses), default=dt.timedelta(0)),
        open=tuple(loss for loss in losses if loss.ended_at is None),
    )
