"""The trading state, the execution mode, and the policies: what stored decisions the risk checks rely on."""

from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import Q

from risk.values import TradingState
from vanta import clock


class ExecutionMode(models.TextChoices):
    """Where openings may go at most: to the paper venue, or to the real one."""

    DRY = "DRY"
    LIVE = "LIVE"


class TradingStateChange(models.Model):
    """A change of the trading state; the last one holds. Append-only: triggers refuse UPDATE, DELETE and TRUNCATE."""

    state = models.CharField(max_length=10, choices=[(state.value, state.value) for state in TradingState])
    actor = models.TextField()
    reason = models.TextField()
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["-id"]
        constraints = [
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


def _override(help_text: str, **options: Any) -> "models.DecimalField[Decimal | None, Decimal | None]":
    return models.DecimalField(null=True, blank=True, help_text=help_text, **options)


def _usd(help_text: str) -> "models.DecimalField[Decimal | None, Decimal | None]":
    return _override(help_text, max_digits=24, decimal_places=6)


def _fraction(help_text: str) -> "models.DecimalField[Decimal | None, Decimal | None]":
    return _override(f"{help_text}; a fraction: 0.05 is 5 %", max_digits=9, decimal_places=8)


def _within(name: str, low: int, high: int | None = None) -> models.CheckConstraint:
    within = Q(**{f"{name}__gte": low})
    if high is not None:
        within &= Q(**{f"{name}__lte": high})
    return models.CheckConstraint(name=f"policy_{name}", condition=Q(**{f"{name}__isnull": True}) | within)


class RiskPolicy(models.Model):
    """Limits for some traders that differ from the global ones; an empty limit is the global one.

    Looser limits than the global ones count only where `may_loosen` is set, which only a super admin does.
    """

    name = models.CharField(max_length=60, unique=True)
    may_loosen = models.BooleanField(default=False, help_text="Let limits looser than the global ones count")
    max_position_size_usd = _usd("Notional of everything in one market, in USDC")
    max_account_risk_pct = _fraction("Worst loss of one position, of the equity")
    max_leverage = _override("10 means 10x", max_digits=8, decimal_places=2)
    liquidation_buffer_pct = _fraction("Of the distance to liquidation, kept free")
    max_daily_loss_pct = _fraction("Of the day's opening equity")
    price_max_age_s = _override("Seconds", max_digits=8, decimal_places=3)
    price_max_uncertainty_share = _fraction("Of the distance to liquidation")
    opens_per_minute = models.PositiveIntegerField(null=True, blank=True, help_text="Openings in a minute")
    trades_per_day = models.PositiveIntegerField(null=True, blank=True, help_text="Openings in a day")
    hourly_volume_usd = _usd("Notional opened in an hour, in USDC")
    daily_volume_usd = _usd("Notional opened in a day, in USDC")
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "risk policies"
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
        ]

    def __str__(self) -> str:
        return self.name
