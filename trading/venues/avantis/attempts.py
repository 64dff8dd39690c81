"""The rows that say what was, or is being, submitted of an intent; committed before anything leaves."""

from trading.models import Attempt, Intent, Order
from trading.models.loading import with_market


def order_of(intent: Intent) -> Order:
    """The intent's order, with its market and position."""
    return with_market(Order.objects.filter(pk=intent.order_id), "position").get()


def last(intent: Intent) -> Attempt:
    """The intent's newest attempt."""
    return Attempt.objects.filter(intent=intent).order_by("-number")[0]


def take(intent: Intent, *, is_void: bool = False) -> Attempt:
    """A row of this submission's own: two at once would write over each other's tracking id, and one be forgotten."""
    free = Attempt.objects.filter(intent=intent, outcome="", detail__has_key=Attempt.VOID)
    if not is_void:
        free = Attempt.objects.filter(intent=intent, outcome="").exclude(detail__has_key=Attempt.VOID)
    for attempt in free.order_by("-number"):
        if Attempt.objects.filter(pk=attempt.pk, outcome="").update(outcome=Attempt.SENDING):
            return attempt
    number = last(intent).number + 1
    return Attempt.objects.create(
        intent=intent, number=number, outcome=Attempt.SENDING, detail={Attempt.VOID: True} if is_void else {}
    )
