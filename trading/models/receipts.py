"""What the chain itself says of LIVE fills, against what the venue told."""

from django.db import models
from django.db.models import Q

from trading.models.orders import Fill
from vanta import clock


class Receipt(models.Model):
    """The transaction that the venue names for a fill, as the chain's node knows it.

    Without an outcome nothing is proven yet. A contradicted one is looked at again, and stops its trader's LIVE
    openings until the chain agrees or somebody has accepted it.
    """

    class Outcome(models.TextChoices):
        OK = "ok", "as told"
        MISSING = "missing", "in no block"
        REVERTED = "reverted", "reverted"
        OTHER_CONTRACT = "other_contract", "not the venue's contract"
        LATE = "late", "after the deadline"

    CONTRADICTED = (Outcome.MISSING, Outcome.REVERTED, Outcome.OTHER_CONTRACT, Outcome.LATE)

    fill = models.OneToOneField(Fill, on_delete=models.PROTECT, related_name="receipt")
    transaction_hash = models.CharField(max_length=100, help_text="As the venue named it.")
    outcome = models.CharField(max_length=14, choices=Outcome.choices, blank=True)
    block_number = models.PositiveBigIntegerField(null=True, blank=True)
    block_at = models.DateTimeField(null=True, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True, help_text="When the chain last proved something.")
    looks = models.PositiveIntegerField(default=0)
    accepted_at = models.DateTimeField(
        null=True, blank=True, help_text="When somebody said that the contradiction is none."
    )
    created_at = models.DateTimeField(default=clock.now)
    next_check_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["next_check_at"], condition=Q(next_check_at__isnull=False), name="receipt_due"),
            models.Index(
                fields=["fill"],
                condition=~Q(outcome__in=["", "ok"]) & Q(accepted_at__isnull=True),
                name="receipt_contradicted",
            ),
        ]

    def __str__(self) -> str:
        return f"receipt of fill {self.fill_id} {self.outcome or 'not seen yet'}"

    @classmethod
    def contradicted(cls) -> "models.QuerySet[Receipt]":
        """Those of which the chain says otherwise than the venue, and that nobody has accepted."""
        return cls.objects.exclude(outcome__in=["", cls.Outcome.OK]).filter(accepted_at=None)

    @property
    def is_contradicted(self) -> bool:
        """Whether the chain says otherwise than the venue, and nobody has accepted that."""
        return self.outcome in self.CONTRADICTED and self.accepted_at is None
