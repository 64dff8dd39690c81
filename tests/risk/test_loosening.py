"""Which change of a setting loosens a limit: a row for every limit that a setting states."""

from decimal import Decimal

import pytest

from risk.loosening import BESIDE, STATED_NAMES, loosened, plain
from risk.values import Limits, Protections

D = Decimal
# By name: as it was, tighter than that, looser than that.
LIMITS: dict[str, tuple[str, str, str]] = {
    "max_position_size_usd": ("100000", "99999.99", "100000.01"),
    "max_account_risk_pct": ("0.10", "0.09", "0.11"),
    "max_leverage": ("500", "100", "501"),
    "liquidation_buffer_pct": ("0.05", "0.06", "0.04"),
    "max_daily_loss_pct": ("0.20", "0.19", "0.21"),
    "price_max_age_s": ("5", "4.5", "5.5"),
    "price_max_uncertainty_share": ("0.25", "0.2", "0.3"),
    "opens_per_minute": ("5", "4", "6"),
    "trades_per_day": ("50", "0", "51"),
    "hourly_volume_usd": ("10000", "9999", "10001"),
    "daily_volume_usd": ("50000", "1", "50001"),
    "cooldown_minutes": ("60", "61", "59"),
    "drawdown_pct": ("0.10", "0.05", "0.15"),
    "drawdown_days": ("7", "8", "6"),
    "market_stops": ("3", "2", "4"),
    "market_stops_hours": ("24", "48", "12"),
    "price_max_deviation_pct": ("0.005", "0.004", "0.006"),
    "max_slippage_pct": ("0.001", "0", "0.002"),
    "canary_max_notional_usd": ("500", "0", "500.01"),
    "draft_valid_s": ("30", "29", "31"),
    "draft_max_drift_pct": ("0.002", "0.001", "0.003"),
    "intent_valid_s": ("45", "44", "46"),
    "telegram_messages_per_minute": ("30", "29", "31"),
    "require_second_approver": ("0", "1", "-1"),
}
OFF = ("cooldown_minutes", "drawdown_pct", "drawdown_days", "market_stops", "market_stops_hours")


def names(before: dict[str, str], after: dict[str, str]) -> list[str]:
    numbers = ({name: D(value) for name, value in limits.items()} for limits in (before, after))
    return [each.name for each in loosened(*numbers)]


def test_every_limit_that_a_setting_states_has_a_row_here() -> None:
    of_traders = (set(Limits.__slots__) - {"protections"}) | set(Protections.__slots__)
    assert set(LIMITS) == set(STATED_NAMES) == of_traders | set(BESIDE)


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_is_loosened_in_one_direction_alone(name: str) -> None:
    as_it_was, tighter, looser = LIMITS[name]
    assert names({name: as_it_was}, {name: looser}) == [name]
    assert names({name: tighter}, {name: as_it_was}) == [name]
    assert names({name: as_it_was}, {name: tighter}) == []
    assert names({name: as_it_was}, {name: as_it_was + ("0" if "." in as_it_was else ".0")}) == []


@pytest.mark.parametrize("name", OFF)
def test_switching_a_protection_off_loosens_and_switching_one_on_tightens(name: str) -> None:
    on = LIMITS[name][0]
    assert (names({name: on}, {name: "0"}), names({name: "0"}, {name: on}), names({name: "0"}, {name: "0"})) == (
        [name],
        [],
        [],
    )


def test_all_that_is_looser_is_told_whatever_else_is_tighter() -> None:
    before = {name: as_it_was for name, (as_it_was, _, _) in LIMITS.items()}
    after = {**before, "max_leverage": "1000", "liquidation_buffer_pct": "0.5", "canary_max_notional_usd": "501"}
    assert names(before, after) == ["max_leverage", "canary_max_notional_usd"]


def test_a_limit_that_another_version_did_not_state_is_not_compared() -> None:
    assert names({}, {"max_leverage": "500"}) == names({"max_leverage": "500"}, {}) == []


def test_a_change_reads_as_in_the_environment() -> None:
    (change,) = loosened({"max_leverage": D("100.00")}, {"max_leverage": D("1E+3")})
    assert str(change) == "MAX_LEVERAGE 100 → 1000"
    assert (plain(D("0.10")), plain(5), plain(True), plain(D(0))) == ("0.1", "5", "1", "0")
