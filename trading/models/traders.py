"""Who trades, and with what balance."""

from django.db import models
from django.db.models import Q

from risk.models import RiskPolicy
from trading.models.fields import usd
from vanta import clock


class Mode(models.TextChoices):
    """DRY orders go to the paper venue, LIVE ones to the real one; the two are separate accounts."""

    DRY = "DRY"
    LIVE = "LIVE"


class BufferAction(models.TextChoices):
    """What the guardian does, besides the alert, when a DRY position of the trader enters its liquidation buffer."""

    NONE = "none"
    REDUCE = "reduce"
    ADD_MARGIN = "add_margin"


class Trader(models.Model):
    """A person in a private Telegram chat. The row is the lock that serialises the decisions on their orders."""

    telegram_id = models.BigIntegerField(unique=True)
    chat_id = models.BigIntegerField(db_index=True)
    username = models.CharField(max_length=64, blank=True)
    first_name = models.CharField(max_length=64, blank=True)
    is_active = models.BooleanField(default=True, help_text="Off: no openings; closing stays possible.")
    panic = models.ForeignKey(
        "trading.Panic",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        db_index=False,  # an index of those who have none would draw the planner away from prices in their order
        help_text="The trader's own stop: no openings; closing stays possible.",
    )
    execution_mode = models.CharField(max_length=4, choices=Mode.choices, default=Mode.DRY)
    tier = models.ForeignKey(
        RiskPolicy,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="tier_traders",
        limit_choices_to={"kind": RiskPolicy.Kind.TIER},
    )
    policy = models.ForeignKey(
        RiskPolicy,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="traders",
        limit_choices_to={"kind": RiskPolicy.Kind.POLICY},
    )
    own_policy = models.OneToOneField(
        RiskPolicy,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="owner",
        limit_choices_to={"kind": RiskPolicy.Kind.OWN},
        help_text="What the trader has tightened in Telegram.",
    )
    buffer_action = models.CharField(
        max_length=10,
        choices=BufferAction.choices,
        default=BufferAction.NONE,
        help_text="Done once when a position comes close to liquidation.",
    )
    buffer_cap_usd = usd(default=0, help_text="How much margin may be added to one position, over its life.")
    disputed_since = models.DateTimeField(
        null=True, blank=True, help_text="Since when the venue's books differ from ours: no LIVE openings meanwhile."
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(buffer_action="add_margin") | Q(buffer_cap_usd__gt=0), name="margin_is_added_up_to_a_cap"
            ),
            models.CheckConstraint(condition=Q(buffer_cap_usd__gte=0), name="buffer_cap_not_negative"),
        ]

    def __str__(self) -> str:
        return self.first_name or self.username or str(self.telegram_id)

    @property
    def blocked_by(self) -> str:
        """Why nothing of theirs opens, as a code; empty where it may."""
        if not self.is_active:
            return "trader_disabled"
        return "entries_stopped" if self.panic_id is not None else ""


MAY_OPEN = Q(is_active=True, panic__isnull=True)  # no `Trader.blocked_by`, asked of the rows
TRADER_MAY_OPEN = Q(trader__is_active=True, trader__panic__isnull=True)


class Account(models.Model):
    """One trader's balance in one execution mode; the free balance repeats what the ledger says."""

    trader = models.ForeignKey(Trader, on_delete=models.PROTECT, related_name="accounts")
    mode = models.CharField(max_length=4, choices=Mode.choices, default=Mode.DRY)
    free_balance_usd = usd(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["trader", "mode"], name="one_account_per_mode"),
            models.CheckConstraint(condition=Q(free_balance_usd__gte=0), name="free_balance_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.trader} {self.mode}"
