"""How the venue holds the orders that rest there."""

from django.db import models
from django.db.models import Q

from trading.models.fields import usd
from trading.models.orders import Order
from vanta import clock


class Placement(models.Model):
    """The place of one resting order, and the collateral that the venue took for it; kept when the order has ended."""

    order = models.OneToOneField(Order, on_delete=models.PROTECT, related_name="placement")
    escrow_usd = usd(help_text="Held by the venue until the order is filled or canceled.")
    venue_index = models.PositiveIntegerField(null=True, blank=True, help_text="Among the wallet's own in the market.")
    venue_order_id = models.CharField(max_length=80, blank=True)
    is_adopted = models.BooleanField(default=False, help_text="Placed elsewhere than in Vanta.")
    placed_at = models.DateTimeField(default=clock.now)
    seen_at = models.DateTimeField(default=clock.now, help_text="When the venue last showed it.")

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(escrow_usd__gt=0), name="escrow_positive")]

    def __str__(self) -> str:
        return f"placement of order {self.order_id}"
