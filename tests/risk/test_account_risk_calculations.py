"""Account risk: what a position can lose, at its stop or without one, within 10 % of the equity."""

from dataclasses import replace
from decimal import Decimal

import pytest

from risk.checks import AccountSnapshot, CheckResult, OpeningRequest, RiskDecision
from risk.margin import Side
from tests.risk.cases import ACCOUNT, ETH, ETH_UPSIDE, decide, order

D = Decimal
EXACT = replace(ETH, spread_rate=D(0), open_fee_rate=D(0), close_fee_rate=D(0))


def risk_of(decision: RiskDecision) -> CheckResult:
    return next(check for check in decision.checks if check.code == "account_risk")


@pytest.mark.parametrize(
    ("wish", "worst_loss"),
    [
        (order("500", "10"), "500"),  # no stop: all of it
        (order("500", "10", stop="2900"), "166.666667"),  # 100 of 3000 on 5 000
        (order("500", "10", Side.SHORT, stop="3100"), "166.666667"),
        (order("500", "2", stop="2900"), "33.333333"),
        (order("500", "10", stop="2000"), "500"),  # isolated margin: never more than the collateral
        (order("500", "10", stop="3100"), "500"),  # a stop on the wrong side is none
        (order("500", "10", stop="2900", slippage_rate=D("0.001")), "176.323677"),  # at the entry and at the stop
    ],
)
def test_the_worst_loss_is_that_at_the_stop_else_all_of_the_collateral(wish: OpeningRequest, worst_loss: str) -> None:
    measured = risk_of(decide(wish, market=EXACT)).measured
    assert measured is not None
    assert abs(measured - D(worst_loss)) < D("0.001")


def test_spread_and_both_fees_are_part_of_the_loss_at_the_stop() -> None:
    with_costs, without = (risk_of(decide(order("500", "10", stop="2900"), market=market)) for market in (ETH, EXACT))
    assert with_costs.measured is not None
    assert without.measured is not None
    fees, spread = 2 * 5000 * D("0.00045"), 5000 * D("0.0001") * (1 + D(2900) / 3000)
    assert abs(with_costs.measured - without.measured - fees - spread) < D("0.02")


def test_an_upside_position_has_no_fees_in_its_loss() -> None:
    wish = order("20", "100", market="ETH_UPSIDE/USD", stop="2996")
    exact = replace(ETH_UPSIDE, spread_rate=D(0))
    measured = risk_of(decide(wish, market=exact)).measured
    assert measured is not None
    assert abs(measured - D(2000) * 4 / 3000) < D("0.000001")


@pytest.mark.parametrize(
    ("account", "limit"),
    [
        (ACCOUNT, "1000"),
        (AccountSnapshot(free_usd=D(4000), collateral_usd=D(6000)), "1000"),
        (AccountSnapshot(free_usd=D(9000), collateral_usd=D(1000), unrealised_pnl_usd=D(-2000)), "800"),
        (AccountSnapshot(free_usd=D(9000), collateral_usd=D(1000), unrealised_pnl_usd=D(2000)), "1200"),
        (AccountSnapshot(free_usd=D(10_000), reserved_usd=D(5000)), "1000"),  # reserved is not lost
    ],
)
def test_the_limit_is_a_share_of_the_equity_of_now(account: AccountSnapshot, limit: str) -> None:
    assert risk_of(decide(account=account)).limit == D(limit)


def test_a_tick_more_is_denied_and_what_would_pass_is_named() -> None:
    assert decide(order("1000", "10")).approved
    denial = decide(order("1000.000001", "10")).denials[0]
    assert (denial.code, denial.max_collateral_usd) == ("account_risk", D(1000))


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("collateral", ["1001", "1100", "1500", "1900"])
def test_a_named_stop_passes_also_where_the_budget_reaches_beyond_liquidation(side: Side, collateral: str) -> None:
    market = replace(ETH, max_stop_loss_rate=D("0.8"))
    stop = decide(order(collateral, "10", side), market=market).denials[0].stop_price
    assert stop is not None
    assert decide(order(collateral, "10", side, stop=str(stop)), market=market).approved
