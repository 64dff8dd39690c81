"""The trading state, the execution mode, the environment's limits, and the policies: stored decisions that bind."""

import datetime as dt
from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import F, Q

from risk.values import TradingState
from vanta import clock


class ExecutionMode(models.TextChoices):
    """Where openings may go at most: to the paper venue, or to the real one."""

    DRY = "DRY"
    LIVE = "LIVE"


class TradingStateChange(models.Model):
    """A change of the trading state; the last one holds. Append-only: triggers refuse UPDATE, DELETE and TRUNCATE."""

    state = models.CharField(max_length=10, choices=[(state.value, state.value) for state in TradingState])
    is_maintenance = models.BooleanField(default=False, help_text="Announced to the traders, and so is its end.")
    actor = models.TextField()
    reason = models.TextField()
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                name="maintenance_reduces", condition=Q(is_maintenance=False) | Q(state=TradingState.REDUCING.value)
            ),
            models.CheckConstraint(
                name="trading_state_known", condition=Q(state__in=[state.value for state in TradingState])
            ),
            models.CheckConstraint(name="trading_state_has_actor_and_reason", condition=~Q(actor="") & ~Q(reason="")),
        ]

    def __str__(self) -> str:
        return self.state


class ExecutionModeChange(models.Model):
    """A change of the system's execution mode; the last one holds. Append-only like the trading state's."""

    mode = models.CharField(max_length=4, choices=ExecutionMode.choices)
    actor = models.TextField()
    reason = models.TextField()
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(name="execution_mode_known", condition=Q(mode__in=ExecutionMode.values)),
            models.CheckConstraint(name="execution_mode_has_actor_and_reason", condition=~Q(actor="") & ~Q(reason="")),
        ]

    def __str__(self) -> str:
        return self.mode


class EnvironmentLimits(models.Model):
    """The limits that a process was started with, where they were new. Append-only like the trading state's changes.

    Of those that are not looser the last row holds. A looser last row waits for a super admin.
    """

    class Kind(models.TextChoices):
        BASELINE = "baseline", "first ever"
        TIGHTER = "tighter", "none is looser"
        LOOSER = "looser", "looser, to be acknowledged"
        ACKNOWLEDGED = "acknowledged", "acknowledged"

    kind = models.CharField(max_length=12, choices=Kind.choices)
    limits = models.JSONField(help_text="By name, numbers as text")
    actor = models.TextField()
    reason = models.TextField()
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "environment limits"
        constraints = [
            models.CheckConstraint(
                name="environment_limits_kind_known",
                condition=Q(kind__in=["baseline", "tighter", "looser", "acknowledged"]),
            ),
            models.CheckConstraint(
                name="environment_limits_have_actor_and_reason", condition=~Q(actor="") & ~Q(reason="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.created_at:%Y-%m-%d %H:%M:%S}"


class CanaryCapChange(models.Model):
    """What one LIVE order may be at most, in place of the setting; the last one holds. Append-only likewise."""

    max_notional_usd = models.DecimalField(
        max_digits=24, decimal_places=6, null=True, blank=True, help_text="In USDC; empty: lifted"
    )
    actor = models.TextField()
    reason = models.TextField()
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                name="canary_cap_is_an_amount", condition=Q(max_notional_usd__isnull=True) | Q(max_notional_usd__gte=0)
            ),
            models.CheckConstraint(name="canary_cap_has_actor_and_reason", condition=~Q(actor="") & ~Q(reason="")),
        ]

    def __str__(self) -> str:
        return "lifted" if self.max_notional_usd is None else f"{self.max_notional_usd:f} USDC"


class RiskPolicy(models.Model):
    """A set of limits with a name, for the traders that point at it. What it says, and from when, is in its terms."""

    class Kind(models.TextChoices):
        """A tier is for many traders, a policy for some by name; own limits are what a trader set for themselves."""

        TIER = "tier", "tier"
        POLICY = "policy", "policy of traders by name"
        OWN = "own", "a trader's own limits"

    name = models.CharField(max_length=60, unique=True)
    kind = models.CharField(max_length=6, choices=Kind.choices, default=Kind.POLICY)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "risk policies"

    def __str__(self) -> str:
        return self.name


def _override(help_text: str, **options: Any) -> "models.DecimalField[Decimal | None, Decimal | None]":
    return models.DecimalField(null=True, blank=True, help_text=help_text, **options)


def _usd(help_text: str) -> "models.DecimalField[Decimal | None, Decimal | None]":
    return _override(help_text, max_digits=24, decimal_places=6)


def _fraction(help_text: str) -> "models.DecimalField[Decimal | None, Decimal | None]":
    return _override(f"{help_text}; a fraction: 0.05 is 5 %", max_digits=9, decimal_places=8)


def _count(help_text: str) -> "models.PositiveIntegerField[int | None, int | None]":
    return models.PositiveIntegerField(null=True, blank=True, help_text=help_text)


def _within(name: str, low: int, high: int | None = None) -> models.CheckConstraint:
    within = Q(**{f"{name}__gte": low})
    if high is not None:
        within &= Q(**{f"{name}__lte": high})
    return models.CheckConstraint(name=f"policy_{name}", condition=Q(**{f"{name}__isnull": True}) | within)


class PolicyTerms(models.Model):
    """What a policy says from a time on, until its next terms; an empty limit stays as it is without the policy.

    In force are those with the latest `effective_from` that has come, of several the last that was written. Looser
    limits count only where `may_loosen` is set. Append-only: triggers refuse UPDATE, DELETE and TRUNCATE.
    """

    policy = models.ForeignKey(RiskPolicy, on_delete=models.PROTECT, related_name="terms")
    effective_from = models.DateTimeField(db_index=False)
    may_loosen = models.BooleanField(default=False, help_text="Let limits looser than those below count")
    max_position_size_usd = _usd("Notional of everything in one market, in USDC")
    max_account_risk_pct = _fraction("Worst loss of one position, of the equity")
    max_leverage = _override("10 means 10x", max_digits=8, decimal_places=2)
    liquidation_buffer_pct = _fraction("Of the distance to liquidation, kept free")
    max_daily_loss_pct = _fraction("Of the day's opening equity")
    price_max_age_s = _override("Seconds", max_digits=8, decimal_places=3)
    price_max_uncertainty_share = _fraction("Of the distance to liquidation")
    opens_per_minute = _count("Openings in a minute")
    trades_per_day = _count("Openings in a day")
    hourly_volume_usd = _usd("Notional opened in an hour, in USDC")
    daily_volume_usd = _usd("Notional opened in a day, in USDC")
    cooldown_minutes = _count("No openings for so long after a stop-out or a liquidation; 0: none")
    drawdown_pct = _fraction("No openings while equity is further than this below its highest")
    drawdown_days = _count("Days that the highest equity is looked for in")
    market_stops = _count("No openings in a market with so many stop-outs and liquidations")
    market_stops_hours = _count("Hours that they are counted in")
    actor = models.TextField()
    reason = models.TextField()
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["-effective_from", "-id"]
        verbose_name_plural = "policy terms"
        indexes = [models.Index(fields=["policy", "-effective_from", "-id"], name="policy_terms_in_force")]
        constraints = [
            _within("max_position_size_usd", 0),
            _within("max_account_risk_pct", 0, 1),
            _within("max_leverage", 1),
            _within("liquidation_buffer_pct", 0, 1),
            _within("max_daily_loss_pct", 0, 1),
            _within("price_max_age_s", 0),
            _within("price_max_uncertainty_share", 0, 1),
            _within("hourly_volume_usd", 0),
            _within("daily_volume_usd", 0),
            _within("drawdown_pct", 0, 1),
            models.CheckConstraint(name="terms_have_actor_and_reason", condition=~Q(actor="") & ~Q(reason="")),
            models.CheckConstraint(  # what was decided before they were written was not decided on them
                name="terms_begin_no_earlier_than_they_are_written",
                condition=Q(effective_from__gte=F("created_at") - dt.timedelta(seconds=1)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.policy} from {self.effective_from:%Y-%m-%d %H:%M:%S}"
