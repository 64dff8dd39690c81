"""What beat wakes for the admins. A lost tick is replaced by the next."""

from celery import shared_task

from adminpanel import watch
from adminpanel.preflight import review


@shared_task(name="adminpanel.tasks.tell_admins", acks_late=False, time_limit=10)
def tell_admins() -> int:
    """Tell the admins what they have to know; the dispatcher does so as well, unless it is what is missing."""
    return watch.look()


@shared_task(name="adminpanel.tasks.remind_of_reviews", acks_late=False, time_limit=10)
def remind_of_reviews() -> int:
    """Tell the super admins which reviews are due."""
    return review.remind()
