"""A trader's own emergency stop, and where it stands."""

from django.db import models
from django.db.models import Q

from trading.models.traders import Trader
from vanta import clock


class Panic(models.Model):
    """From the first tap until the trader resumes: nothing of theirs opens; from the second on everything is closed."""

    trader = models.ForeignKey(Trader, on_delete=models.PROTECT, related_name="panics")
    began_at = models.DateTimeField(default=clock.now)
    closing_at = models.DateTimeField(null=True, blank=True, help_text="Since when everything is closed.")
    tried_from = models.DateTimeField(
        null=True, blank=True, help_text="Closings that came to nothing before this are tried again."
    )
    done_at = models.DateTimeField(null=True, blank=True, help_text="When nothing was open or could open any more.")
    ended_at = models.DateTimeField(null=True, blank=True, help_text="When the trader resumed.")
    chat_id = models.BigIntegerField()
    message_id = models.BigIntegerField(null=True, blank=True, help_text="The message that shows how it goes.")
    shown = models.JSONField(default=dict, blank=True, help_text="What that message tells.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["trader"], condition=Q(ended_at__isnull=True), name="one_panic_at_a_time"),
        ]

    def __str__(self) -> str:
        return f"panic {self.pk} of {self.trader_id}"
