"""What the real venue said: who it is, what it told of each intent, and what somebody has to look at."""

from django.db import models

from trading.models.fields import price, usd
from trading.models.orders import Fill, Intent
from vanta import clock


class VenueIdentity(models.Model):
    """Chain and contracts of a venue as they were at first sight; messages are signed for these and no others.

    A contract that is blank was not named then, and is kept when it is.
    """

    address = models.CharField(max_length=200, unique=True, help_text="Where the venue was asked.")
    chain_id = models.PositiveBigIntegerField()
    trading_router = models.CharField(max_length=42, help_text="The contract that executes intents, checksummed.")
    trading_storage = models.CharField(max_length=42, blank=True, help_text="The one that takes USDC from wallets.")
    usdc = models.CharField(max_length=42, blank=True)
    first_seen_at = models.DateTimeField(default=clock.now)
    refused = models.JSONField(
        null=True, blank=True, help_text="What it says now that differs: nothing is signed until it is as it was."
    )

    class Meta:
        verbose_name_plural = "venue identities"

    def __str__(self) -> str:
        return f"{self.address} is {self.trading_router} on chain {self.chain_id}"


class VenueEvent(models.Model):
    """One event of an intent's life, as the venue told it; append-only, stored before anything follows from it."""

    intent = models.ForeignKey(Intent, on_delete=models.PROTECT, related_name="venue_events")
    tracking_id = models.CharField(max_length=100)
    seq = models.IntegerField()
    kind = models.CharField(max_length=60)
    payload = models.JSONField(default=dict)
    received_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["tracking_id", "seq"], name="one_venue_event_per_seq")]
        ordering = ["intent", "tracking_id", "seq"]

    def __str__(self) -> str:
        return f"{self.kind} of intent {self.intent_id}"


class ShadowFill(models.Model):
    """What the paper venue would have done at the moment of a LIVE fill; in no ledger and no limit."""

    fill = models.OneToOneField(Fill, on_delete=models.PROTECT, related_name="shadow")
    mark = price(help_text="The mark price that the paper fill is made at.")
    liquidation_price = price(default=0)
    price = price()  # last of its kind: the name is taken from here on
    fee_usd = usd(default=0)
    payout_usd = usd(default=0)
    gap_rate = models.DecimalField(
        max_digits=12, decimal_places=8, help_text="How much worse the real price was for the trader; 0.001 is 0.1 %."
    )
    at = models.DateTimeField(default=clock.now)

    def __str__(self) -> str:
        return f"shadow of fill {self.fill_id} at {self.price}"


class VenueAlarm(models.Model):
    """Something about the venue that a person has to look at; raised once for a subject, told to the admins once."""

    class Kind(models.TextChoices):
        UNKNOWN_ORDER = "unknown_order", "an order's fate is not known"
        DISPUTED_FILL = "disputed_fill", "the venue tells of a fill that is not what was ordered"
        IDENTITY = "identity", "the venue's chain or router has changed"
        REFUSED = "refused", "the venue refuses what it should take"
        KEY = "key", "a delegate's key cannot be read"
        BOOKS = "books", "the venue's books differ from ours"
        CHAIN = "chain", "the chain says otherwise than the venue"

    kind = models.CharField(max_length=20, choices=Kind.choices)
    subject = models.CharField(max_length=100, help_text="What it is about: an order, a trader, the venue.")
    detail = models.CharField(max_length=300, blank=True)
    trace_id = models.CharField(max_length=32, blank=True)
    at = models.DateTimeField(default=clock.now)
    told_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "subject"], name="one_alarm_per_subject")]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}"
