"""How limits are merged: each layer tightens, loosens only where a super admin said so, and says where it came from."""

from dataclasses import replace
from decimal import Decimal

import pytest

from risk.limits import (
    LOOSER_WHEN_LOWER,
    NAMES,
    NOTHING,
    Source,
    Terms,
    Value,
    is_tighter,
    loosened_terms,
    looser_limits,
    merge,
    value_of,
    with_values,
)
from risk.values import Limits, Protections

D = Decimal
GENERAL = Limits(
    max_position_size_usd=D(100_000),
    max_account_risk_pct=D("0.10"),
    max_leverage=D(500),
    liquidation_buffer_pct=D("0.05"),
    max_daily_loss_pct=D("0.20"),
    price_max_age_s=D(5),
    price_max_uncertainty_share=D("0.25"),
    opens_per_minute=5,
    trades_per_day=50,
    hourly_volume_usd=D(10_000),
    daily_volume_usd=D(50_000),
    protections=Protections(60, D("0.10"), 7, 3, 24),
)
# by name: tighter than the general limit, looser than it
VALUES: dict[str, tuple[Value, Value]] = {
    "max_position_size_usd": (D(500), D(500_000)),
    "max_account_risk_pct": (D("0.02"), D("0.5")),
    "max_leverage": (D(20), D(1000)),
    "liquidation_buffer_pct": (D("0.2"), D("0.01")),
    "max_daily_loss_pct": (D("0.05"), D("0.5")),
    "price_max_age_s": (D(2), D(20)),
    "price_max_uncertainty_share": (D("0.1"), D("0.9")),
    "opens_per_minute": (1, 100),
    "trades_per_day": (5, 500),
    "hourly_volume_usd": (D(1000), D(10**6)),
    "daily_volume_usd": (D(2000), D(10**7)),
    "cooldown_minutes": (120, 30),
    "drawdown_pct": (D("0.05"), D("0.3")),
    "drawdown_days": (30, 1),
    "market_stops": (1, 10),
    "market_stops_hours": (48, 1),
}
every_limit = pytest.mark.parametrize("name", NAMES)
every_layer = pytest.mark.parametrize("source", [Source.TIER, Source.POLICY, Source.OWN])


def test_every_limit_is_in_the_table() -> None:
    assert set(VALUES) == set(NAMES)


def test_without_layers_the_general_limits_bind() -> None:
    binding = merge(GENERAL, [])
    assert binding.limits is GENERAL
    assert {binding.source(name) for name in NAMES} == {Source.GLOBAL}


@every_layer
@every_limit
def test_a_layer_tightens(name: str, source: Source) -> None:
    binding = merge(GENERAL, [(source, Terms({name: VALUES[name][0]}))])
    assert binding.limits == with_values(GENERAL, {name: VALUES[name][0]})
    assert binding.source(name) is source


@every_layer
@every_limit
def test_a_looser_value_counts_only_where_the_terms_may_loosen(name: str, source: Source) -> None:
    looser = VALUES[name][1]
    assert merge(GENERAL, [(source, Terms({name: looser}))]).limits == GENERAL
    loosened = merge(GENERAL, [(source, Terms({name: looser}, may_loosen=True))])
    is_own = source is Source.OWN  # nobody loosens for themselves, whatever their terms say
    assert value_of(loosened.limits, name) == (value_of(GENERAL, name) if is_own else looser)
    assert loosened.source(name) is (Source.GLOBAL if is_own else source)


@every_limit
def test_a_later_layer_tightens_what_an_earlier_one_loosened(name: str) -> None:
    tighter, looser = VALUES[name]
    layers = [(Source.TIER, Terms({name: looser}, may_loosen=True)), (Source.OWN, Terms({name: tighter}))]
    binding = merge(GENERAL, layers)
    assert (value_of(binding.limits, name), binding.source(name)) == (tighter, Source.OWN)


@every_limit
def test_a_policy_that_may_loosen_overrules_the_tier_below_it(name: str) -> None:
    tighter, looser = VALUES[name]
    layers = [(Source.TIER, Terms({name: tighter})), (Source.POLICY, Terms({name: looser}, may_loosen=True))]
    binding = merge(GENERAL, layers)
    assert (value_of(binding.limits, name), binding.source(name)) == (looser, Source.POLICY)


def test_what_a_layer_repeats_stays_the_earlier_layers() -> None:
    layers = [(Source.TIER, Terms({"max_leverage": D(20)})), (Source.OWN, Terms({"max_leverage": D("20.00")}))]
    assert merge(GENERAL, layers).source("max_leverage") is Source.TIER


PROTECTIONS = [name for name in NAMES if hasattr(Protections(), name)]


@pytest.mark.parametrize("name", PROTECTIONS)
def test_a_protection_that_is_off_is_switched_on_by_anyone_and_off_by_those_who_may(name: str) -> None:
    without = replace(GENERAL, protections=Protections())
    switched_on = merge(without, [(Source.OWN, Terms({name: VALUES[name][1]}))])
    assert value_of(switched_on.limits, name) == VALUES[name][1]
    assert merge(GENERAL, [(Source.TIER, Terms({name: 0}))]).limits == GENERAL
    assert value_of(merge(GENERAL, [(Source.TIER, Terms({name: 0}, may_loosen=True))]).limits, name) is None


@every_limit
def test_tighter_and_looser_are_opposites(name: str) -> None:
    tighter, looser = VALUES[name]
    assert is_tighter(name, tighter, looser)
    assert not is_tighter(name, looser, tighter)
    assert not is_tighter(name, tighter, tighter)
    assert (tighter > looser) is (name in LOOSER_WHEN_LOWER)


@every_limit
def test_only_what_gives_no_room_is_no_loosening(name: str) -> None:
    tighter, looser = VALUES[name]
    tight, loose = Terms({name: tighter}), Terms({name: looser})
    tight_grant, loose_grant = Terms({name: tighter}, may_loosen=True), Terms({name: looser}, may_loosen=True)
    for before, after, found in (
        (NOTHING, tight, ()),
        (NOTHING, loose, ()),  # it counts only where it is tighter than what is below
        (loose, tight, ()),
        (loose_grant, tight_grant, ()),
        (loose_grant, loose, ()),
        (tight, loose, (name,)),
        (tight, NOTHING, (name,)),
        (tight_grant, loose_grant, (name,)),
        (loose_grant, NOTHING, (name,)),
        (Terms({}, may_loosen=True), tight_grant, (name,)),  # a tier below may be tighter still
        (tight, tight_grant, (name, "may_loosen")),
        (NOTHING, Terms({}, may_loosen=True), ("may_loosen",)),
    ):
        assert loosened_terms(before, after) == found, (before, after)


@every_limit
def test_limits_are_compared_one_by_one(name: str) -> None:
    tighter, looser = (with_values(GENERAL, {name: value}) for value in VALUES[name])
    assert looser_limits(GENERAL, looser) == looser_limits(tighter, GENERAL) == (name,)
    assert looser_limits(GENERAL, tighter) == looser_limits(GENERAL, GENERAL) == ()
