"""The design's worked examples: ETH at 3000, equity 10 000, spread 0.01 %, fees 0.045 %, default limits."""

from dataclasses import replace
from decimal import Decimal

from risk.checks import AccountSnapshot, CheckResult, Exposure, RiskDecision
from tests.risk.cases import ETH_UPSIDE, decide, mark, order


def test_long_eth_100_10x_with_a_stop_at_2900_risks_a_third_of_a_percent() -> None:
    decision = decide(order("100", "10", stop="2900"))
    assert decision.approved
    loss = check(decision, "account_risk")
    assert loss.measured is not None
    assert abs(loss.measured - Decimal("34.3")) < Decimal("0.2")
    assert round(loss.measured / 10000, 4) == Decimal("0.0034")


def test_its_liquidation_price_is_about_2745() -> None:
    liquidation = check(decide(order("100", "10", stop="2900")), "stop_beyond_liquidation").limit
    assert liquidation is not None
    assert abs(liquidation - 2745) < 1


def test_long_eth_1500_10x_without_a_stop_risks_15_percent_and_passes_up_to_1000() -> None:
    decision = decide(order("1500", "10"))
    assert decision.codes == ("account_risk",)
    denial = decision.denials[0]
    assert (denial.measured, denial.limit) == (Decimal(1500), Decimal(1000))
    assert denial.max_collateral_usd == decision.max_collateral_usd == 1000
    assert decide(order("1000", "10")).approved


def test_the_stop_that_makes_it_pass_is_named() -> None:
    stop = decide(order("1500", "10")).denials[0].stop_price
    assert stop is not None
    assert 2745 < stop < 3000
    assert decide(order("1500", "10", stop=str(stop))).approved
    assert decide(order("1500", "10", stop=str(stop - Decimal("0.001")))).codes == ("account_risk",)


def test_long_eth_upside_20_500x_is_approved_while_the_price_is_fresh() -> None:
    decision = decide(order("20", "500", market="ETH_UPSIDE/USD"), market=ETH_UPSIDE)
    assert decision.approved
    buffer = check(decision, "liquidation_buffer")
    assert buffer.limit == Decimal("0.000085")  # 5 % of 0.17 %
    assert buffer.measured is not None
    # 0.17 % less the spread of 0.01 % and the uncertainty of 0.005 %
    assert abs(buffer.measured - Decimal("0.00155")) < Decimal("0.000001")


def test_an_uncertain_price_denies_500x() -> None:
    uncertain = mark(uncertainty="0.0005")  # more than a quarter of 0.17 %
    decision = decide(order("20", "500", market="ETH_UPSIDE/USD"), market=ETH_UPSIDE, mark=uncertain)
    assert decision.codes == ("price_uncertain",)
    assert decision.max_leverage == 425


def test_long_eth_20_200x_is_denied_here_and_possible_in_the_upside_market() -> None:
    decision = decide(order("20", "200"))
    assert decision.codes == ("leverage",)
    assert decision.denials[0].limit == decision.max_leverage == 75
    assert decision.denials[0].detail == "ETH_UPSIDE/USD"
    assert decide(order("20", "200", market="ETH_UPSIDE/USD"), market=ETH_UPSIDE).approved


def test_a_second_position_of_1000_without_a_stop_is_approved() -> None:
    first = AccountSnapshot(
        free_usd=Decimal(9000),
        collateral_usd=Decimal(1000),
        exposure=Exposure(positions_notional_usd=Decimal(2000), position_count=1),
    )
    assert decide(order("1000", "2"), account=first).approved


def test_a_loss_in_equity_lowers_what_may_be_risked() -> None:
    account = AccountSnapshot(free_usd=Decimal(9000), collateral_usd=Decimal(1000), unrealised_pnl_usd=Decimal(-500))
    decision = decide(order("1000", "2"), account=account)
    assert decision.codes == ("account_risk",)
    assert decision.max_collateral_usd == 950


def test_usd_jpy_upside_offers_1000x_and_the_policy_caps_it_at_500x() -> None:
    usd_jpy = replace(ETH_UPSIDE, max_leverage=Decimal(1000), spread_rate=Decimal(0))
    decision = decide(order("10", "1000", market="ETH_UPSIDE/USD"), market=usd_jpy, mark=mark(uncertainty="0.00001"))
    assert decision.codes == ("leverage",)
    assert decision.max_leverage == 500


def check(decision: RiskDecision, code: str) -> CheckResult:
    return next(result for result in decision.checks if result.code == code)
