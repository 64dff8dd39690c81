"""Price history: candles of the mark price, completed by the venue's where Vanta was not looking."""

import datetime as dt
from typing import Any

from django.db import models
from django.db.models import F, Q

PRICE: dict[str, Any] = {"max_digits": 38, "decimal_places": 18}


class Resolution(models.IntegerChoices):
    """How long a candle is, in seconds."""

    MINUTE = 60, "1m"
    FIVE_MINUTES = 300, "5m"
    HOUR = 3600, "1h"
    DAY = 86_400, "1d"

    @property
    def span(self) -> dt.timedelta:
        return dt.timedelta(seconds=self.value)

    def start_of(self, at: dt.datetime) -> dt.datetime:
        """Where the candle that `at` falls into begins, UTC."""
        seconds = int(at.timestamp())
        return dt.datetime.fromtimestamp(seconds - seconds % self.value, tz=dt.UTC)


class Candle(models.Model):
    """Open, high, low and close of a price symbol from `start_at` on.

    `first_at` and `last_at` are the times of the first and the last price in it, so that pieces can be merged in any
    order and any number of times; `gap_s` is the longest stretch between prices that were merged one after the other.
    """

    price_symbol = models.CharField(max_length=40)
    resolution_s = models.PositiveIntegerField(choices=Resolution.choices)
    start_at = models.DateTimeField()
    open = models.DecimalField(**PRICE)
    high = models.DecimalField(**PRICE)
    low = models.DecimalField(**PRICE)
    close = models.DecimalField(**PRICE)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    gap_s = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["price_symbol", "resolution_s", "start_at"], name="one_candle_a_time"),
            models.CheckConstraint(
                condition=Q(low__gt=0, low__lte=F("open"), high__gte=F("open"))
                & Q(low__lte=F("close"), high__gte=F("close")),
                name="candle_low_and_high_enclose",
            ),
        ]
        indexes = [models.Index(fields=["resolution_s", "start_at"], name="candle_by_time")]

    def __str__(self) -> str:
        return f"{self.price_symbol} {Resolution(self.resolution_s).label} {self.start_at:%Y-%m-%d %H:%M}"


class CandleCoverage(models.Model):
    """Up to when a market's candles are known to be as complete as the venue can make them."""

    price_symbol = models.CharField(max_length=40)
    resolution_s = models.PositiveIntegerField(choices=Resolution.choices)
    complete_until = models.DateTimeField(help_text="Candles that begin before this are complete")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["price_symbol", "resolution_s"], name="one_coverage_a_resolution")
        ]

    def __str__(self) -> str:
        return f"{self.price_symbol} {Resolution(self.resolution_s).label} complete until {self.complete_until}"
