"""Up to when the guardian has watched each market."""

from django.db import models

from feeds.models import Market


class MarketWatch(models.Model):
    """Prices of a market up to `watched_until` have been held against its positions.

    `behind_since` is when the guardian found a missed stretch whose candles are not there yet, `looked_at` when it last
    looked for them.
    """

    market = models.OneToOneField(Market, primary_key=True, on_delete=models.CASCADE, related_name="watch")
    watched_until = models.DateTimeField()
    behind_since = models.DateTimeField(null=True, blank=True)
    looked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.market} watched until {self.watched_until}"
