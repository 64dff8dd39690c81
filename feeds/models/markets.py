"""What the venue trades, as it last told us.

Every `*_rate` is a fraction of the notional (0.0001 is 0.01 %); every `*_pct` is a percentage as the venue writes it.
"""

import datetime as dt
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import F, Q

from feeds.consensus import DEFAULT_SIGMA_PER_SQRT_S
from vanta.money import ZERO

GROUPS_WITH_HOURS = frozenset({2, 3, 6})  # forex, commodities, equities; crypto never closes


# A fraction with twenty decimals: hourly rates are as small as 1e-9
RATE: dict[str, Any] = {"max_digits": 30, "decimal_places": 20, "default": ZERO}
USD: dict[str, Any] = {"max_digits": 24, "decimal_places": 6, "default": ZERO}
LEVERAGE: dict[str, Any] = {"max_digits": 10, "decimal_places": 4}
PERCENT: dict[str, Any] = {"max_digits": 12, "decimal_places": 4}


class Market(models.Model):
    """A pair of the venue. An Upside market has the envelope and spread of its own and the price of its base market."""

    symbol = models.CharField(max_length=40, unique=True, help_text="As people write it: ETH/USD, ETH_UPSIDE/USD")
    pair_index = models.PositiveIntegerField(unique=True)
    base = models.CharField(max_length=24)
    quote = models.CharField(max_length=24)
    group_index = models.PositiveSmallIntegerField()
    group_name = models.CharField(max_length=40, blank=True)
    is_upside = models.BooleanField(default=False)
    price_symbol = models.CharField(max_length=40, db_index=True, help_text="The market whose price this one has")
    lazer_feed_id = models.PositiveIntegerField(null=True, blank=True)
    coingecko_id = models.CharField(max_length=60, blank=True)

    min_leverage = models.DecimalField(**LEVERAGE)
    max_leverage = models.DecimalField(**LEVERAGE)
    spread_rate = models.DecimalField(**RATE, help_text="Of the price, at opening and again at closing")
    open_fee_rate = models.DecimalField(**RATE, help_text="0 for Upside: its fee is a share of the gain")
    close_fee_rate = models.DecimalField(**RATE, help_text="0 for Upside: its fee is a share of the gain")
    rollover_rate_per_hour_long = models.DecimalField(**RATE, help_text="Of the notional; a cost")
    rollover_rate_per_hour_short = models.DecimalField(**RATE, help_text="Of the notional; a cost")
    funding_rate_per_hour_long = models.DecimalField(**RATE, help_text="Of the notional; the venue's sign")
    funding_rate_per_hour_short = models.DecimalField(**RATE, help_text="Of the notional; the venue's sign")
    min_notional_usd = models.DecimalField(**USD)
    max_gain_pct = models.DecimalField(**PERCENT, help_text="Percent of the collateral")
    max_stop_loss_pct = models.DecimalField(**PERCENT, help_text="Percent of the collateral")
    upside_tier_gains_pct = models.JSONField(default=list, help_text="Gains where tiers begin, percent, as strings")
    upside_tier_fees_pct = models.JSONField(
        default=list, help_text="The tiers' shares of the gain, percent, as strings"
    )

    is_listed = models.BooleanField(default=True)
    is_close_only = models.BooleanField(default=False)
    is_open = models.BooleanField(default=True, help_text="At refreshed_at; is_open_at() knows about now")
    next_open_at = models.DateTimeField(null=True, blank=True)
    next_close_at = models.DateTimeField(null=True, blank=True)
    open_interest_long_usd = models.DecimalField(**USD)
    open_interest_short_usd = models.DecimalField(**USD)
    headroom_long_usd = models.DecimalField(
        **USD, help_text="Notional that may still be opened, before the wallet's own limit"
    )
    headroom_short_usd = models.DecimalField(
        **USD, help_text="Notional that may still be opened, before the wallet's own limit"
    )
    max_trades_per_pair = models.PositiveSmallIntegerField(default=40)

    min_upstreams = models.PositiveSmallIntegerField(default=1)
    volatility_per_sqrt_s = models.DecimalField(
        **{**RATE, "default": DEFAULT_SIGMA_PER_SQRT_S}, help_text="σ of the price, as a fraction"
    )
    venue_params = models.JSONField(
        default=dict, encoder=DjangoJSONEncoder, help_text="A snapshot of this pair alone, in the venue's own shape"
    )
    refreshed_at = models.DateTimeField()

    class Meta:
        ordering = ["pair_index"]
        constraints = [
            models.CheckConstraint(name="market_leverage_at_least_one", condition=Q(min_leverage__gte=1)),
            models.CheckConstraint(
                name="market_leverage_envelope", condition=Q(max_leverage__gte=F("min_leverage")) | Q(is_listed=False)
            ),
            models.CheckConstraint(
                name="market_rates_not_negative",
                condition=Q(spread_rate__gte=0, open_fee_rate__gte=0, close_fee_rate__gte=0),
            ),
            models.CheckConstraint(name="market_spread_below_one", condition=Q(spread_rate__lt=1)),
            models.CheckConstraint(name="market_notional_not_negative", condition=Q(min_notional_usd__gte=0)),
            models.CheckConstraint(name="market_volatility_positive", condition=Q(volatility_per_sqrt_s__gt=0)),
            models.CheckConstraint(name="market_one_upstream_at_least", condition=Q(min_upstreams__gte=1)),
        ]

    def __str__(self) -> str:
        return self.symbol

    def is_open_at(self, now: dt.datetime) -> bool:
        """Whether the market's hours include `now`; the venue's own rule (its `is_market_open`)."""
        if self.group_index not in GROUPS_WITH_HOURS:
            return True
        has_opened = self.is_open or (self.next_open_at is not None and now > self.next_open_at)
        return has_opened and (self.next_close_at is None or now < self.next_close_at)
