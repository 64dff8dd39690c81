"""Liquidation buffer: 5 % of the distance to liquidation stays free, after the worst fill and at the stop."""

from dataclasses import replace
from decimal import Decimal

import pytest

from risk.checks import CheckResult, RiskDecision
from risk.margin import Side
from tests.risk.cases import ETH, ETH_UPSIDE, LIMITS, decide, mark, order

D = Decimal
NO_SPREAD = replace(ETH, spread_rate=D(0))
EXACT = mark(uncertainty="0")
ANY_UNCERTAINTY = replace(LIMITS, price_max_uncertainty_share=D(1))


def buffer_of(decision: RiskDecision) -> CheckResult:
    return next(check for check in decision.checks if check.code == "liquidation_buffer")


@pytest.mark.parametrize(("leverage", "distance"), [("2", "0.425"), ("10", "0.085"), ("50", "0.017")])
def test_the_buffer_is_a_share_of_what_liquidation_is_away(leverage: str, distance: str) -> None:
    check = buffer_of(decide(order("100", leverage), market=NO_SPREAD, mark=EXACT))
    assert check.limit == D(distance) * D("0.05")
    assert check.measured is not None
    assert abs(check.measured - D(distance)) < D("1e-12")


@pytest.mark.parametrize("side", list(Side))
def test_the_worst_fill_takes_the_spread_and_the_uncertainty(side: Side) -> None:
    wish = order("20", "500", side, market="ETH_UPSIDE/USD")
    check = buffer_of(decide(wish, market=ETH_UPSIDE, mark=mark(uncertainty="0.0002")))
    assert check.measured is not None
    assert abs(check.measured - (D("0.0017") - D("0.0001") - D("0.0002"))) < D("0.000001")


@pytest.mark.parametrize(("uncertainty", "codes"), [("0.0015", ()), ("0.00152", ("liquidation_buffer",))])
def test_an_uncertainty_that_leaves_less_is_denied(uncertainty: str, codes: tuple[str, ...]) -> None:
    wish = order("20", "500", market="ETH_UPSIDE/USD")
    decision = decide(wish, market=ETH_UPSIDE, mark=mark(uncertainty=uncertainty), limits=ANY_UNCERTAINTY)
    assert decision.codes == codes  # 0.17 % less 0.01 % less the uncertainty, against 0.0085 %


@pytest.mark.parametrize(("side", "sign"), [(Side.LONG, -1), (Side.SHORT, 1)])
@pytest.mark.parametrize(
    ("move", "codes"),
    [
        ("0.08075", ()),
        ("0.08076", ("liquidation_buffer",)),
        ("0.085", ("liquidation_buffer", "stop_beyond_liquidation")),
    ],
)
def test_a_stop_lies_the_buffer_before_liquidation(side: Side, sign: int, move: str, codes: tuple[str, ...]) -> None:
    wish = order("100", "10", side, stop=str(3000 * (1 + sign * D(move))))
    assert decide(wish, market=NO_SPREAD, mark=EXACT).codes == codes


def test_what_would_pass_is_a_lower_leverage() -> None:
    decision = decide(order("100", "10", stop="2700"))
    assert decision.max_leverage is not None
    assert D(8) < decision.max_leverage < D("8.1")  # 0.95 · 0.85 / 0.1
    assert decide(order("100", str(decision.max_leverage), stop="2700")).approved


def test_a_wider_buffer_of_a_policy_binds_earlier() -> None:
    half = replace(LIMITS, liquidation_buffer_pct=D("0.5"))
    assert decide(order("100", "10", stop="2800")).approved
    assert decide(order("100", "10", stop="2800"), limits=half).codes == ("liquidation_buffer",)


def test_slippage_is_a_matter_of_the_loss_and_not_of_the_buffer() -> None:
    calm, slipping = (buffer_of(decide(order(slippage_rate=D(rate)))) for rate in ("0", "0.01"))
    assert calm == slipping
