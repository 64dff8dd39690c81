"""When the paper venue adds to no position: it has ended, or may turn out to have ended before."""

import datetime as dt
from typing import Any

from feeds.models import Market
from trading.models import MarketWatch, Position

UNWATCHED = dt.timedelta(seconds=5)  # `missed.GAP`: from then on the guardian looks back first


def refusal(wish: dict[str, Any], market: Market, now: dt.datetime) -> str:
    """Why this increase is not executed; empty where nothing is in its way.

    While prices have passed that nobody has held against positions yet, they come first: with more in it, a position
    would live on that had been liquidated.
    """
    if not Position.objects.filter(pk=wish["position"], status=Position.Status.OPEN).exists():
        return "position_closed"
    is_behind = MarketWatch.objects.filter(pk=market.pk, watched_until__lt=now - UNWATCHED).exists()
    return "prices_unwatched" if is_behind else ""
