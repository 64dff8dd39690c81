"""Limits that make others unreachable are found, each with a sentence."""

from decimal import Decimal

import pytest
from django.core.management import call_command
from pytest_django import Settings

from risk.contradictions import contradictions
from risk.limits import Value, with_values
from risk.values import Protections
from risk.warnings import global_limits_go_together
from tests.risk.test_limits import GENERAL
from vanta.money import ZERO

D = Decimal
SOUND = with_values(GENERAL, {"max_position_size_usd": D(10_000), "max_account_risk_pct": D("0.05")})


def codes(values: dict[str, Value | None], least: Decimal = ZERO) -> list[str]:
    found = contradictions(with_values(SOUND, values), min_notional_usd=least)
    assert all(each.sentence.endswith(".") for each in found)
    return [each.code for each in found]


def test_limits_that_go_together_are_not_warned_of() -> None:
    assert codes({}, D(10_000)) == []


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"hourly_volume_usd": D("9999.99")}, "hourly_volume_below_position_size"),
        ({"daily_volume_usd": D("9999.99"), "hourly_volume_usd": D(9000)}, "daily_volume_below_position_size"),
        ({"daily_volume_usd": D("9999.99")}, "daily_volume_below_hourly"),
        ({"trades_per_day": 4}, "trades_per_day_below_opens_per_minute"),
        ({"max_daily_loss_pct": D("0.049")}, "account_risk_above_daily_loss"),
        ({"drawdown_pct": D("0.049")}, "account_risk_above_drawdown"),
        ({"drawdown_pct": None}, "drawdown_pct_missing"),
        ({"drawdown_days": None}, "drawdown_days_missing"),
        ({"market_stops": None}, "market_stops_missing"),
        ({"market_stops_hours": None}, "market_stops_hours_missing"),
        ({"cooldown_minutes": 1440}, "cooldown_of_a_day"),
        ({"max_leverage": D("0.5")}, "max_leverage_below_one"),
        ({"liquidation_buffer_pct": D(1)}, "liquidation_buffer_is_all"),
        ({"max_daily_loss_pct": D(0)}, "max_daily_loss_pct_is_zero"),
        ({"opens_per_minute": 0}, "opens_per_minute_is_zero"),
        ({"trades_per_day": 0}, "trades_per_day_is_zero"),
        ({"hourly_volume_usd": D(0)}, "hourly_volume_usd_is_zero"),
    ],
)
def test_what_does_not_go_together_is_named(values: dict[str, Value | None], code: str) -> None:
    assert code in codes(values)


@pytest.mark.parametrize("name", ["max_position_size_usd", "hourly_volume_usd", "daily_volume_usd"])
def test_a_limit_below_the_smallest_order_denies_everything(name: str) -> None:
    assert f"{name}_below_min_notional" in codes({name: D(99)}, D(100))
    assert f"{name}_below_min_notional" not in codes({name: D(100)}, D(100))


def test_protections_that_are_off_are_no_half_pairs() -> None:
    off: dict[str, Value | None] = dict.fromkeys(Protections.__slots__)
    assert codes(off) == []


def test_the_defaults_are_warned_of_and_do_not_fail_the_check(capsys: pytest.CaptureFixture[str]) -> None:
    (warning,) = global_limits_go_together()
    assert (warning.id, warning.is_serious()) == ("risk.W001", False)
    assert "The volume of an hour (10,000.00 USDC) is below the largest position (100,000.00 USDC)" in warning.msg
    call_command("check")
    assert "risk.W001" in capsys.readouterr().err


def test_settings_that_go_together_leave_the_check_silent(settings: Settings) -> None:
    settings.MAX_POSITION_SIZE_USD = D(10_000)
    assert global_limits_go_together() == []
