"""Delegates: keys that may trade for a trader's wallet and cannot withdraw. The wallet's own key is never here.

With them the links that connect a wallet, and the transactions that register a delegate at the venue.
"""

from decimal import Decimal

from django.db import models
from django.db.models import Q

from trading.models.fields import optional_usd
from trading.models.traders import Trader
from vanta import clock

ADDRESS_LENGTH = 42
UNLIMITED_USD = Decimal(10**12)  # more than there is


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
    disabled_since = models.DateTimeField(
        null=True, blank=True, help_text="Since when the venue does not know it any more, though it should."
    )
    countdown_h = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="The last warning before the expiry that was owed, in hours before it."
    )
    balance_usd = optional_usd(help_text="USDC in the wallet, as last read.")
    allowance_usd = optional_usd(help_text="USDC that the venue may take from the wallet, as last read.")
    funds_read_at = models.DateTimeField(null=True, blank=True)
    chain_balance_usd = optional_usd(help_text="The same as the USDC contract says, as last read.")
    chain_allowance_usd = optional_usd(help_text="The same as the USDC contract says, as last read.")
    chain_read_at = models.DateTimeField(null=True, blank=True)
    funds_differ_since = models.DateTimeField(
        null=True, blank=True, help_text="Since when venue and chain say different things of the wallet."
    )
    funds_disputed_since = models.DateTimeField(
        null=True, blank=True, help_text="Since when that is more than a block's lag: no LIVE openings meanwhile."
    )
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

    @property
    def is_unlimited(self) -> bool:
        """Whether the venue may take all that the wallet has and will have."""
        return self.allowance_usd is not None and self.allowance_usd >= UNLIMITED_USD

    @property
    def is_open(self) -> bool:
        """Whether it is active or may become so."""
        return self.status in self.OPEN

    def end(self, status: str, reason: str) -> None:
        """Delete the key and say why; the caller holds the row's lock and saves it with ENDING."""
        self.status, self.reason, self.ended_at, self.wrapped_key = status, reason, clock.now(), None

    ENDING = ("status", "reason", "ended_at", "wrapped_key")


class ConnectLink(models.Model):
    """A link to the page that connects a wallet: for one Telegram account, for ten minutes, once.

    Its token exists in the message that brought it and nowhere here; its hash is set when that message is sent.
    """

    trader = models.ForeignKey(Trader, on_delete=models.CASCADE, related_name="connect_links")
    token_hash = models.CharField(max_length=64, unique=True, null=True, blank=True)
    nonce = models.CharField(max_length=32, help_text="Of the message that proves the wallet.")
    created_at = models.DateTimeField(default=clock.now, editable=False)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)
    delegate = models.OneToOneField(Delegate, on_delete=models.CASCADE, null=True, blank=True, related_name="link")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(used_at__isnull=True, delegate__isnull=True)
                | Q(used_at__isnull=False, delegate__isnull=False),
                name="a_used_link_has_its_delegate",
            )
        ]

    def __str__(self) -> str:
        return f"connect link of {self.trader_id}"


class DelegateRelay(models.Model):
    """The transaction that registers a delegate: its exact bytes, committed before they first leave.

    Only these bytes are ever submitted again. The signer's nonce is unique, so that two can never be valid in turn.
    """

    delegate = models.OneToOneField(Delegate, on_delete=models.CASCADE, related_name="relay")
    signer_address = models.CharField(max_length=ADDRESS_LENGTH)
    exec_nonce = models.CharField(max_length=78, help_text="Of the signer's account at the venue, decimal.")
    tx_params = models.JSONField()
    created_at = models.DateTimeField(default=clock.now, editable=False)
    attempts = models.PositiveIntegerField(default=0, help_text="Submissions begun; counted before each leaves.")
    request_id = models.CharField(max_length=100, blank=True, help_text="The relayer's, of the last submission.")
    tx_hash = models.CharField(max_length=66, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["signer_address", "exec_nonce"], name="an_exec_nonce_is_used_once")
        ]

    def __str__(self) -> str:
        return f"registration of {self.signer_address}"
