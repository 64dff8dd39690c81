"""Open and closed positions."""

from decimal import Decimal

from django.db import models
from django.db.models import Q

from feeds.models import Market
from risk.margin import Side
from trading.models.fields import leverage, optional_price, price, usd
from trading.models.traders import Mode, Trader
from vanta import clock

SIDES = [(side.value, side.value) for side in Side]


class Position(models.Model):
    """Isolated margin in one market. It keeps its execution mode for life."""

    class Status(models.TextChoices):
        OPEN = "open"
        CLOSED = "closed"
        LIQUIDATED = "liquidated"

    trader = models.ForeignKey(Trader, on_delete=models.PROTECT, related_name="positions")
    market = models.ForeignKey(Market, on_delete=models.PROTECT, related_name="positions")
    mode = models.CharField(max_length=4, choices=Mode.choices, default=Mode.DRY)
    side = models.CharField(max_length=5, choices=SIDES)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.OPEN)
    collateral_usd = usd()
    leverage = leverage()
    entry_price = price()
    liquidation_price = price()
    stop_loss = optional_price()
    take_profit = optional_price()
    accrued_usd = usd(default=0, help_text="Rollover and funding owed, booked when the position is closed.")
    accrued_until = models.DateTimeField(default=clock.now)
    realised_pnl_usd = usd(default=0, help_text="Net of close fees, rollover and funding.")
    opened_at = models.DateTimeField(default=clock.now)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status="open", collateral_usd__gt=0) | ~Q(status="open"),
                name="open_position_has_collateral",
            ),
            models.CheckConstraint(condition=Q(entry_price__gt=0), name="position_entry_positive"),
        ]
        indexes = [
            models.Index(fields=["trader", "mode"], condition=Q(status="open"), name="position_open"),
            models.Index(
                fields=["market", "side", "liquidation_price"], condition=Q(status="open"), name="position_liquidation"
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.side} {self.status}"

    @property
    def notional_usd(self) -> Decimal:
        """Collateral times leverage."""
        return self.collateral_usd * self.leverage
