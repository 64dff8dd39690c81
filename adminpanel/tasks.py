"""What beat wakes for the admins. A lost tick is replaced by the next."""

from celery import shared_task

from adminpanel import alerts, venue_alerts
from adminpanel.preflight import review


@shared_task(name="adminpanel.tasks.tell_losses", acks_late=False, time_limit=10)
def tell_losses() -> int:
    """Tell the admins which markets lost or regained their price."""
    return alerts.tell_losses()


@shared_task(name="adminpanel.tasks.tell_venue_alarms", acks_late=False, time_limit=10)
def tell_venue_alarms() -> int:
    """Tell the admins what is wrong with the venue."""
    return venue_alerts.tell_alarms()


@shared_task(name="adminpanel.tasks.tell_stream", acks_late=False, time_limit=10)
def tell_stream() -> int:
    """Tell the admins when the price stream is down, and when it is back."""
    return alerts.tell_stream()


@shared_task(name="adminpanel.tasks.remind_of_reviews", acks_late=False, time_limit=10)
def remind_of_reviews() -> int:
    """Tell the super admins which reviews are due."""
    return review.remind()
