"""What beat wakes. One task per source, so that none waits for another."""

from celery import shared_task

from feeds import services
from feeds.catalogue import MalformedCatalogue
from feeds.sources.base import SourceError

VENUE_FAILURES = (SourceError, MalformedCatalogue)  # logged without a traceback; the next tick tries again


@shared_task(name="feeds.tasks.poll_source", acks_late=False, time_limit=15)
def poll_source(name: str) -> int:
    """Poll one source. Acknowledged before it runs: a lost tick is replaced by the next one."""
    return services.poll_source(name)


@shared_task(name="feeds.tasks.refresh_markets", acks_late=False, time_limit=25, throws=VENUE_FAILURES)
def refresh_markets() -> int:
    """Bring the catalogue up to date. Acknowledged before it runs: the next tick replaces it."""
    return services.refresh_markets()
