"""New stops of an open position: what the venue takes, what loosens, and that what is named passes."""

from dataclasses import replace
from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.consensus import NoConsensus
from risk import stop_changes
from risk.checks import Case, OpenPosition, TradingState
from risk.margin import Side
from risk.stop_changes import StopChange, is_looser
from risk.values import AccountSnapshot, Day, RiskDecision
from tests.risk.cases import ETH, ETH_UPSIDE, LIMITS, NOW_MS, mark, order

VENUE = replace(ETH, max_gain_rate=D(25), max_stop_loss_rate=D("0.8"))


def case(stop: str | None, target: str | None = None, *, side: Side = Side.LONG, **changes: Any) -> Case:
    """1000 USDC at 10x, entered at 3000, in an account of 9000 USDC beside it."""
    levels = {"stop_price": D(stop) if stop else None, "take_profit_price": D(target) if target else None}
    given: dict[str, Any] = {
        "order": order("1000", "10", side, **levels),
        "account": AccountSnapshot(free_usd=D(9000), collateral_usd=D(1000)),
        "market": VENUE,
        "mark": mark(),
        "limits": LIMITS,
        "trading_state": TradingState.ACTIVE,
        "now_ms": NOW_MS,
    }
    return Case(**(given | changes))


def change(was: str | None = "2900", *, side: Side = Side.LONG, price: str | None = "3000") -> StopChange:
    held = OpenPosition(side, D(3000), D(1000), D(10_000))
    known = mark(price) if price else None
    return StopChange(held, D(3000) - side.sign * 255, D(was) if was else None, None, known)


def codes(asked: Case, changed: StopChange) -> tuple[str, ...]:
    return stop_changes.decide(asked, changed).codes


@pytest.mark.parametrize(
    ("stop", "refused"),
    [
        ("3000", ("stop_wrong_side",)),
        ("2999.41", ("stop_too_close",)),
        ("2999.40", ()),
        ("2760.01", ()),  # 80 % of the collateral, from the entry
        ("2745", ("stop_beyond_liquidation", "stop_too_far")),
        ("0", ("invalid_stop",)),
        ("2900.00000000001", ("invalid_stop",)),
    ],
)
def test_a_tighter_stop_is_only_asked_whether_the_venue_takes_it(stop: str, refused: tuple[str, ...]) -> None:
    no_limits = replace(LIMITS, max_account_risk_pct=D(0), max_daily_loss_pct=D(0))
    assert codes(case(stop, limits=no_limits), change(None)) == refused
    mirrored = str(6000 - D(stop))
    short = case(mirrored, side=Side.SHORT, limits=no_limits)
    assert stop == "0" or codes(short, change(None, side=Side.SHORT)) == refused


@pytest.mark.parametrize(
    ("target", "refused"),
    [
        ("3000", ("take_profit_wrong_side",)),
        ("3000.01", ()),
        ("10500", ()),
        ("10500.01", ("take_profit_too_far",)),
    ],
)
def test_a_take_profit_is_on_its_side_of_the_price_and_within_the_largest_gain(
    target: str, refused: tuple[str, ...]
) -> None:
    assert codes(case("2900", target), change()) == refused


def test_an_upside_stop_is_not_nearer_than_the_venue_takes_it() -> None:
    asked = case("2986", market=replace(ETH_UPSIDE, symbol="ETH/USD"))
    assert codes(asked, change()) == ("stop_too_close",)
    assert codes(case("2985", market=replace(ETH_UPSIDE, symbol="ETH/USD")), change()) == ()


@pytest.mark.parametrize(
    ("stop", "was", "looser"),
    [
        (None, "2900", True),
        (None, None, False),
        ("2900", None, False),
        ("2899.9", "2900", True),
        ("2900", "2900", False),
        ("2900.1", "2900", False),
    ],
)
def test_looser_is_further_away_or_none_any_more(stop: str | None, was: str | None, looser: bool) -> None:
    levels = [D(level) if level else None for level in (stop, was)]
    assert is_looser(Side.LONG, *levels) == looser
    assert is_looser(Side.SHORT, *(6000 - level if level else None for level in levels)) == looser


def test_what_loosens_meets_the_rules_about_loss_and_what_tightens_does_not() -> None:
    """1000 USDC can be lost without a stop: all that the account may risk, and more than the day has left."""
    lost = AccountSnapshot(free_usd=D(8500), collateral_usd=D(500), day=Day(D(10_000), positions_usd=D(1500)))
    refused = codes(case(None, account=lost), change())
    assert refused == ("account_risk", "daily_loss")
    assert codes(case("2950", account=lost), change()) == ()


def test_a_looser_stop_keeps_its_distance_from_liquidation() -> None:
    rich = AccountSnapshot(free_usd=D(90_000))
    assert codes(case("2757.75", account=rich, market=ETH), change()) == ()
    assert codes(case("2757.74", account=rich, market=ETH), change()) == ("liquidation_buffer",)


@pytest.mark.parametrize("state", list(TradingState))
def test_trading_states(state: TradingState) -> None:
    looser, tighter = case("2890", trading_state=state), case("2950", trading_state=state)
    assert (codes(looser, change()) == ()) == (state is TradingState.ACTIVE)
    assert (codes(tighter, change()) == ()) == (state is not TradingState.HALTED)


def test_without_a_price_only_what_loosens_waits_for_one() -> None:
    none = NoConsensus("no_quotes")
    assert codes(case("2890", mark=none), change(price=None)) == ("price_unavailable",)
    assert codes(case("2950", mark=none), change(price=None)) == ()
    assert codes(case("3050", mark=none), change(price="3000")) == ("stop_wrong_side",)


def test_an_old_price_weighs_nothing() -> None:
    assert codes(case("2890", mark=mark(age_ms=5001)), change()) == ("price_stale",)


@given(
    stop=st.one_of(st.none(), st.decimals("2000", "4000", places=2)),
    target=st.one_of(st.none(), st.decimals("100", "40000", places=2)),
    was=st.one_of(st.none(), st.decimals("2750", "2990", places=2)),
    price=st.decimals("2760", "3500", places=2),
    at_risk=st.decimals("0", "4000", places=2),
    free=st.decimals("100", "20000", places=2),
)
def test_a_level_that_is_named_passes(
    stop: D | None, target: D | None, was: D | None, price: D, at_risk: D, free: D
) -> None:
    levels: dict[str, Any] = {"stop_price": stop, "take_profit_price": target}
    account = AccountSnapshot(free_usd=free, day=Day(D(10_000), positions_usd=at_risk))
    asked = case(None, account=account, mark=mark(str(price)), order=order("1000", "10", **levels))
    changed = change(str(was) if was else None, price=str(price))
    for denial in stop_changes.decide(asked, changed).denials:
        for name in ("stop_price", "take_profit_price"):
            named = getattr(denial, name)
            if named is not None:
                assert denial.code not in _with(asked, changed, name, named).codes


def _with(asked: Case, changed: StopChange, name: str, level: D) -> RiskDecision:
    """The decision on a level instead, in the account as it would be with it."""
    terms: dict[str, Any] = {name: level}
    after = replace(asked, order=replace(asked.order, **terms))
    saved = stop_changes.worst_loss_usd(asked, changed) - stop_changes.worst_loss_usd(after, changed)
    day = replace(asked.account.day, positions_usd=asked.account.day.positions_usd - saved)
    return stop_changes.decide(replace(after, account=replace(asked.account, day=day)), changed)
