"""A trader's limits: the global ones, tightened by their policy, loosened only where a super admin said so."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError
from pytest_django import Settings

from risk.models import RiskPolicy
from risk.policies import global_limits, limits_for

D = Decimal
TIGHTER = {
    "max_position_size_usd": D(500),
    "max_account_risk_pct": D("0.02"),
    "max_leverage": D(20),
    "liquidation_buffer_pct": D("0.20"),
    "max_daily_loss_pct": D("0.05"),
    "price_max_age_s": D(2),
    "price_max_uncertainty_share": D("0.1"),
    "opens_per_minute": 1,
    "trades_per_day": 5,
    "hourly_volume_usd": D(1000),
    "daily_volume_usd": D(2000),
}
LOOSER = {
    "max_position_size_usd": D(500000),
    "max_account_risk_pct": D("0.5"),
    "max_leverage": D(1000),
    "liquidation_buffer_pct": D("0.01"),
    "max_daily_loss_pct": D("0.5"),
    "price_max_age_s": D(20),
    "price_max_uncertainty_share": D("0.9"),
    "opens_per_minute": 100,
    "trades_per_day": 500,
    "hourly_volume_usd": D(10**6),
    "daily_volume_usd": D(10**7),
}


def test_without_a_policy_the_settings_hold() -> None:
    limits = limits_for(None)
    assert limits == global_limits()
    assert (limits.max_position_size_usd, limits.max_leverage, limits.opens_per_minute) == (D(100000), D(500), 5)


def test_the_settings_are_read_at_every_decision(settings: Settings) -> None:
    settings.MAX_LEVERAGE = D(7)
    assert limits_for(None).max_leverage == 7


def test_an_empty_policy_changes_nothing() -> None:
    assert limits_for(RiskPolicy(name="plain")) == global_limits()


@pytest.mark.parametrize(("name", "value"), TIGHTER.items())
def test_an_override_tightens(name: str, value: Any) -> None:
    assert getattr(limits_for(RiskPolicy(name="careful", **{name: value})), name) == value


@pytest.mark.parametrize(("name", "value"), LOOSER.items())
def test_an_override_loosens_only_where_the_policy_may(name: str, value: Any) -> None:
    refused = limits_for(RiskPolicy(name="bold", **{name: value}))
    allowed = limits_for(RiskPolicy(name="trusted", may_loosen=True, **{name: value}))
    assert getattr(refused, name) == getattr(global_limits(), name)
    assert getattr(allowed, name) == value


def test_every_limit_has_an_override() -> None:
    assert set(TIGHTER) == set(LOOSER) == set(global_limits().__slots__)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("name", "value"),
    [("max_leverage", "0.5"), ("max_account_risk_pct", "1.01"), ("liquidation_buffer_pct", "-0.1")],
)
def test_the_database_refuses_an_override_that_makes_no_sense(name: str, value: str) -> None:
    with pytest.raises(DatabaseError, match=f"policy_{name}"):
        RiskPolicy.objects.create(name="odd", **{name: D(value)})
