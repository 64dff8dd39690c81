"""Open and closed positions, and the prices at which something happens to them.

Each such price is a column with a partial index in price order: what a mark crosses is found by a range scan, and no
second row has to be kept in step with the position's.
"""

from decimal import Decimal

from django.db import models
from django.db.models import F, Q
from django.db.models.expressions import Combinable
from django.db.models.functions import Least

from feeds.models import Market
from risk.margin import Side
from trading.evaluation import LIQUIDATION, STOP_LOSS, STOPPED_OUT, TAKE_PROFIT
from trading.models.fields import fraction, leverage, optional_price, price, usd
from trading.models.traders import Mode, Trader
from vanta import clock

SIDES = [(side.value, side.value) for side in Side]
DEFAULT_BUFFER_PCT = Decimal("0.05")


def calm_share(buffer_pct: Decimal) -> Decimal:
    """From where on a buffer has been left, as it is of the distance to liquidation: alerts are not to flutter.

    Twice the buffer, and for one beyond a third of the distance halfway from there to the entry: never beyond that.
    """
    return min(2 * buffer_pct, (1 + buffer_pct) / 2)


def _at_share(share: Combinable) -> "models.GeneratedField":
    """The price with this share of the distance left to liquidation; the database computes it with every change."""
    return models.GeneratedField(
        expression=F("liquidation_price") + share * (F("entry_price") - F("liquidation_price")),
        output_field=price(),
        db_persist=True,
    )


def _by_price(column: str, name: str, **condition: bool) -> models.Index:
    """What is open in one market and side, in the order of one price."""
    return models.Index(fields=["market", "side", column], condition=Q(status="open", **condition), name=name)


class Position(models.Model):
    """Isolated margin in one market. It keeps its execution mode for life."""

    class Status(models.TextChoices):
        OPEN = "open"
        CLOSED = "closed"
        LIQUIDATED = "liquidated"

    class EndedBy(models.TextChoices):
        LIQUIDATION = LIQUIDATION
        STOP_LOSS = STOP_LOSS
        TAKE_PROFIT = TAKE_PROFIT

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
    buffer_pct = fraction(
        default=DEFAULT_BUFFER_PCT,
        help_text="Of the distance to liquidation; the trader's limit, refreshed each minute.",
    )
    buffer_price = _at_share(1 * F("buffer_pct"))
    calm_price = _at_share(Least(2 * F("buffer_pct"), (1 + F("buffer_pct")) / 2))  # `calm_share`
    buffer_entered_at = models.DateTimeField(null=True, blank=True, help_text="Set while the mark is in the buffer.")
    margin_added_usd = usd(default=0, help_text="What the guardian has added so far, as its trader allowed.")
    watched_from = models.DateTimeField(default=clock.now, help_text="Missed prices before this do not concern it.")
    realised_pnl_usd = usd(default=0, help_text="Net of close fees, rollover and funding.")
    venue_index = models.PositiveIntegerField(null=True, blank=True, help_text="Of the trade at the venue; LIVE only.")
    venue_opened_at_s = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="The trade's own timestamp, which tells it from later ones at its index."
    )
    opened_at = models.DateTimeField(default=clock.now)
    closed_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.CharField(
        max_length=11, choices=EndedBy.choices, blank=True, help_text="Which of its levels; empty: none of them."
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status="open", collateral_usd__gt=0) | ~Q(status="open"),
                name="open_position_has_collateral",
            ),
            models.CheckConstraint(condition=Q(entry_price__gt=0), name="position_entry_positive"),
            models.UniqueConstraint(
                fields=["trader", "market", "venue_index", "venue_opened_at_s"],
                condition=Q(venue_index__isnull=False, status="open"),  # one index may be used twice in a second
                name="one_position_per_trade",
            ),
            models.CheckConstraint(
                condition=Q(venue_index__isnull=True, venue_opened_at_s__isnull=True)
                | Q(venue_index__isnull=False, venue_opened_at_s__isnull=False, mode="LIVE"),
                name="only_live_positions_are_trades",
            ),
        ]
        indexes = [
            models.Index(fields=["trader", "mode"], condition=Q(status="open"), name="position_open"),
            models.Index(
                fields=["trader", "closed_at"],
                condition=Q(ended_by__in=STOPPED_OUT, realised_pnl_usd__lt=0),
                name="position_stopped_out",
            ),
            _by_price("liquidation_price", "position_liquidation"),
            _by_price("stop_loss", "position_stop_loss", stop_loss__isnull=False),
            _by_price("take_profit", "position_take_profit", take_profit__isnull=False),
            _by_price("buffer_price", "position_buffer", buffer_entered_at__isnull=True),
            _by_price("calm_price", "position_calm", buffer_entered_at__isnull=False),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.side} {self.status}"

    @property
    def notional_usd(self) -> Decimal:
        """Collateral times leverage."""
        return self.collateral_usd * self.leverage


class PositionEvent(models.Model):
    """What changed a position besides its fills; append-only. `order` is the one that wished it, if any did."""

    class Kind(models.TextChoices):
        MARGIN_ADDED = "margin_added"
        MARGIN_TAKEN = "margin_taken"
        STOPS_CHANGED = "stops_changed"

    position = models.ForeignKey(Position, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    order = models.OneToOneField(
        "trading.Order", null=True, blank=True, on_delete=models.PROTECT, related_name="change"
    )
    detail = models.JSONField(default=dict)
    trace_id = models.CharField(max_length=32, blank=True)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return f"{self.kind} of position {self.position_id}"
