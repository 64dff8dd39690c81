"""Attempts at the venue: each submission has a row of its own, committed before anything leaves."""

from trading.models import Attempt, Intent, Order
from trading.models.loading import with_market


def take(intent: Intent) -> Attempt:
    """A row of this submission's own: two at once would write over each other's answer, and one be forgotten."""
    for attempt in Attempt.objects.filter(intent=intent, outcome="").order_by("-number"):
        if Attempt.objects.filter(pk=attempt.pk, outcome="").update(outcome=Attempt.SENDING):
            return attempt
    return Attempt.objects.create(intent=intent, number=last(intent).number + 1, outcome=Attempt.SENDING)


def last(intent: Intent) -> Attempt:
    """The newest attempt; there is one as long as there is the intent."""
    return Attempt.objects.filter(intent=intent).order_by("-number")[0]


def order_of(intent: Intent) -> Order:
    """The intent's order as it is now, with market and position."""
    return with_market(Order.objects.filter(pk=intent.order_id), "position").get()
