"""What beat wakes. One task per source, so that none waits for another.

Ticks are acknowledged before they run: a lost one is replaced by the next.
"""

import datetime as dt

from celery import shared_task

from feeds import backfill, candle_store, marks, selectors, services
from feeds.catalogue import MalformedCatalogue
from feeds.sources.base import SourceError
from vanta import clock
from vanta.redis import RedisDown

# Logged without a traceback; the next tick tries again
VENUE_FAILURES = (SourceError, MalformedCatalogue)
RECENT = dt.timedelta(minutes=10)


@shared_task(name="feeds.tasks.poll_source", acks_late=False, time_limit=15)
def poll_source(name: str) -> int:
    """Poll one source."""
    return services.poll_source(name)


@shared_task(name="feeds.tasks.refresh_markets", acks_late=False, time_limit=25, throws=VENUE_FAILURES)
def refresh_markets() -> int:
    """Bring the catalogue up to date."""
    return services.refresh_markets()


@shared_task(name="feeds.tasks.keep_marks", acks_late=False, time_limit=10, throws=RedisDown)
def keep_marks() -> int:
    """Mirror the marks where no streamer does, and notice when there are none."""
    return marks.mirror_if_due([market.symbol for market in selectors.open_markets()])


@shared_task(name="feeds.tasks.roll_up_candles", acks_late=False, time_limit=30)
def roll_up_candles() -> None:
    """Make the coarser candles of the last minutes."""
    candle_store.roll_up(clock.now() - RECENT)


@shared_task(name="feeds.tasks.backfill_candles", acks_late=False, time_limit=30)
def backfill_candles() -> int:
    """Complete the candles from the venue's where some are missing."""
    return backfill.backfill_candles()


@shared_task(name="feeds.tasks.prune_candles", acks_late=False, time_limit=50)
def prune_candles() -> int:
    """Delete candles past their time."""
    return candle_store.prune_candles()


@shared_task(name="feeds.tasks.refresh_volatilities", acks_late=False, time_limit=30)
def refresh_volatilities() -> int:
    """Measure each market's σ anew."""
    return services.refresh_volatilities()
