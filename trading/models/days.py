"""What accounts began their UTC days with."""

from decimal import Decimal

from django.db import models
from django.db.models import F, Q

from trading.models.fields import usd
from trading.models.traders import Mode, Trader
from vanta import clock


class DayOpening(models.Model):
    """An account at 00:00 UTC, which the day's loss is measured from. A trigger lets only the lock be added, once."""

    trader = models.ForeignKey(Trader, on_delete=models.PROTECT, related_name="day_openings")
    mode = models.CharField(max_length=4, choices=Mode.choices)
    day = models.DateField()
    free_usd = usd()
    collateral_usd = usd()
    unrealised_usd = usd(help_text="Net PnL of the positions that were open, at the prices of then.")
    deposited_usd = usd(help_text="All deposits less withdrawals that are in it; those beyond came later.")
    prices = models.JSONField(default=dict, blank=True, help_text="The prices of then, by market.")
    created_at = models.DateTimeField(default=clock.now)
    locked_at = models.DateTimeField(null=True, blank=True, help_text="When the day's loss reached the limit.")

    class Meta:
        indexes = [models.Index(fields=["locked_at"], condition=Q(locked_at__isnull=False), name="day_locked")]
        constraints = [
            models.UniqueConstraint(fields=["trader", "mode", "day"], name="one_opening_a_day"),
            models.CheckConstraint(
                condition=Q(collateral_usd__gte=0, unrealised_usd__gte=-F("collateral_usd")), name="day_opening_sound"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.trader_id} {self.mode} {self.day}"

    @property
    def equity_usd(self) -> Decimal:
        """E at 00:00 UTC."""
        return self.free_usd + self.collateral_usd + self.unrealised_usd
