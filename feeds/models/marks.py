"""The last price that Vanta vouched for, and the times without one."""

import datetime as dt

from django.db import models
from django.db.models import Q


class LastMark(models.Model):
    """The last mark price of a price symbol, written each second while there is one; outlives Redis.

    May close, never open: it carries no promise about now.
    """

    price_symbol = models.CharField(max_length=40, primary_key=True)
    price = models.DecimalField(max_digits=38, decimal_places=18)
    uncertainty = models.DecimalField(max_digits=38, decimal_places=18, help_text="Fraction of the price")
    as_of = models.DateTimeField(help_text="By the source's own clock")
    sources = models.JSONField(default=list)
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(name="last_mark_price_positive", condition=Q(price__gt=0))]

    def __str__(self) -> str:
        return self.price_symbol


class ConsensusLoss(models.Model):
    """A stretch of time in which an open market had no price to trust: nothing could be opened there.

    Written by whoever mirrors the marks, and forgotten where it was short and nobody was told; read by people, and by
    what alerts them.
    """

    price_symbol = models.CharField(max_length=40)
    reason = models.CharField(max_length=40, help_text="Why there was no consensus, as it was noticed")
    excluded = models.JSONField(default=list, help_text="The quotes that did not count then: source and reason")
    began_at = models.DateTimeField(help_text="When the last mark was taken")
    ended_at = models.DateTimeField(null=True, blank=True)
    told_loss_at = models.DateTimeField(null=True, blank=True, help_text="When the admins' message was owed")
    told_end_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "consensus losses"
        constraints = [
            models.UniqueConstraint(
                fields=["price_symbol"], condition=Q(ended_at__isnull=True), name="one_open_loss_a_market"
            ),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=models.F("began_at")),
                name="loss_ends_after_it_began",
            ),
        ]
        indexes = [models.Index(fields=["-began_at"], name="consensus_loss_newest")]

    def __str__(self) -> str:
        return f"{self.price_symbol} without consensus since {self.began_at:%Y-%m-%d %H:%M:%S}"

    def duration(self, now: dt.datetime) -> dt.timedelta:
        """How long it lasted, or has lasted at `now`."""
        return max((self.ended_at or now) - self.began_at, dt.timedelta(0))
