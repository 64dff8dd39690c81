"""Leverage: within the pair's envelope and the policy's cap; what it is after an increase and a partial close."""

from dataclasses import replace
from decimal import Decimal

import pytest

from risk import margin
from risk.margin import InvalidMargin
from tests.risk.cases import ETH, ETH_UPSIDE, LIMITS, decide, mark, order

D = Decimal
CALM = mark(uncertainty="0.00001")


@pytest.mark.parametrize(
    ("leverage", "codes"), [("0.99", ("leverage",)), ("1", ()), ("75", ()), ("75.01", ("leverage",))]
)
def test_a_fixed_fee_pair_goes_from_1_to_75(leverage: str, codes: tuple[str, ...]) -> None:
    assert decide(order("105", leverage)).codes == codes


@pytest.mark.parametrize(
    ("leverage", "codes"), [("74.99", ("leverage",)), ("75", ()), ("500", ()), ("500.01", ("leverage",))]
)
def test_an_upside_pair_goes_from_75_to_500(leverage: str, codes: tuple[str, ...]) -> None:
    wish = order("20", leverage, market="ETH_UPSIDE/USD")
    assert decide(wish, market=ETH_UPSIDE, mark=CALM).codes == codes


def test_a_policy_caps_what_the_pair_offers() -> None:
    limits = replace(LIMITS, max_leverage=D(20))
    assert decide(order("100", "20"), limits=limits).approved
    decision = decide(order("100", "20.01"), limits=limits)
    assert (decision.codes, decision.max_leverage) == (("leverage",), D(20))


def test_the_pair_that_offers_more_is_named_only_if_the_policy_allows_it() -> None:
    assert decide(order("20", "200")).denials[0].detail == "ETH_UPSIDE/USD"
    assert decide(order("20", "200"), limits=replace(LIMITS, max_leverage=D(100))).denials[0].detail == ""


def test_notional_is_collateral_times_leverage() -> None:
    assert order("20", "500").notional_usd == 10_000


def test_effective_leverage_grows_as_a_position_loses() -> None:
    def now(pnl: str) -> Decimal:
        return margin.effective_leverage(collateral_usd=D(100), notional_usd=D(1000), net_pnl_usd=D(pnl))

    assert [now(pnl) for pnl in ("0", "-50", "100")] == [10, 20, 5]
    with pytest.raises(InvalidMargin):
        now("-100")


def test_a_partial_close_keeps_the_leverage() -> None:
    left = margin.leverage_after_partial_close(collateral_usd=D(100), notional_usd=D(1000), closed_share=D("0.25"))
    assert left == 10


def test_an_increase_gives_the_leverage_of_the_sum() -> None:
    total = margin.effective_leverage(collateral_usd=D(100 + 100), notional_usd=D(1000 + 5000))
    assert total == 30


def test_the_spread_alone_may_not_cost_a_quarter_of_the_collateral() -> None:
    wide = replace(ETH, spread_rate=D("0.005"))
    assert decide(order("10", "50.19"), market=wide).approved
    assert decide(order("10", "50.2"), market=wide).codes == ("spread_loss",)
