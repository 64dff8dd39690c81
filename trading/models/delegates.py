"""Delegates: keys that may trade for a trader's wallet and cannot withdraw. The wallet's own key is never here."""

from django.db import models
from django.db.models import Q

from trading.models.traders import Trader
from vanta import clock

ADDRESS_LENGTH = 42


class Delegate(models.Model):
    """One delegate key of one trader, from the proof of the wallet to its end.

    `wrapped_key` holds the key as only the signing worker can read it, and nothing once the delegate has ended.
    `request` is the exact `DelegateReq` that the wallet is asked to sign, with its digest.
    """

    class Status(models.TextChoices):
        REQUESTED = "requested"  # the wallet is proven; the signing worker makes a key
        PREPARED = "prepared"  # the request waits for the wallet's signature
        SIGNED = "signed"  # the signature waits for the venue
        ACTIVE = "active"
        REVOKED = "revoked"
        EXPIRED = "expired"
        FAILED = "failed"

    OPEN = (Status.REQUESTED, Status.PREPARED, Status.SIGNED, Status.ACTIVE)

    trader = models.ForeignKey(Trader, on_delete=models.PROTECT, related_name="delegates")
    wallet_address = models.CharField(max_length=ADDRESS_LENGTH, help_text="The trader's wallet, checksummed.")
    address = models.CharField(max_length=ADDRESS_LENGTH, blank=True, help_text="The delegate's, checksummed.")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.REQUESTED)
    wrapped_key = models.JSONField(null=True, blank=True, help_text="Encrypted; deleted when the delegate ends.")
    key_id = models.CharField(max_length=40, blank=True, help_text="Which key-encryption key wraps it.")
    request = models.JSONField(default=dict, blank=True)
    request_signature = models.CharField(max_length=200, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=200, blank=True, help_text="Why it failed or ended.")
    created_at = models.DateTimeField(default=clock.now, editable=False)
    activated_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    next_check_at = models.DateTimeField(default=clock.now, help_text="When the signing worker looks at it again.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["trader"], condition=Q(status="active"), name="one_active_delegate"),
            models.UniqueConstraint(fields=["address"], condition=~Q(address=""), name="delegate_keys_are_not_shared"),
            models.CheckConstraint(
                condition=Q(status__in=["requested", "prepared", "signed", "active"]) | Q(wrapped_key__isnull=True),
                name="ended_delegates_keep_no_key",
            ),
        ]

    def __str__(self) -> str:
        return f"delegate {self.address or '—'} of {self.trader_id} {self.status}"
