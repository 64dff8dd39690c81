"""The design's worked examples: ETH at 3000, equity 10 000, spread 0.01 %, fees 0.045 %, default limits."""

from dataclasses import replace
from decimal import Decimal

import pytest

from risk.checks import AccountSnapshot, CheckResult, Day, Exposure, OpeningRequest, RiskDecision
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


EMPTY = AccountSnapshot(free_usd=Decimal(10_000), day=Day(opening_equity_usd=Decimal(10_000)))
THOUSAND, OPEN_FEE = Decimal(1000), Decimal("0.9")
LOST = Decimal("1.3")  # by a position of 2 000 of notional as soon as it is open: the spread twice and the close fee


def after(*, waiting: int = 0, filled: int = 0) -> AccountSnapshot:
    """10 000 at 00:00 UTC, and so many openings of 1 000 at 2x without stops since."""
    return AccountSnapshot(
        free_usd=10_000 - filled * (THOUSAND + OPEN_FEE),
        reserved_usd=waiting * (THOUSAND + OPEN_FEE),
        collateral_usd=filled * THOUSAND,
        unrealised_pnl_usd=-filled * LOST,
        exposure=Exposure(filled * 2 * THOUSAND, waiting * 2 * THOUSAND, waiting + filled),
        day=Day(Decimal(10_000), positions_usd=filled * (THOUSAND - LOST), pending_usd=waiting * THOUSAND),
    )


def test_two_positions_of_1000_without_stops_use_up_the_day_and_both_are_approved() -> None:
    assert decide(order("1000", "2"), account=EMPTY).approved
    second = decide(order("1000", "2"), account=after(waiting=1))
    assert second.approved
    loss = check(second, "daily_loss")
    assert loss.measured == loss.limit == 2000


@pytest.mark.parametrize(("waiting", "filled"), [(2, 0), (1, 1), (0, 2)])
@pytest.mark.parametrize("third", [order("50", "2"), order("50", "2", stop="2990"), order("1000", "2")])
def test_any_third_opening_is_denied_whatever_filled_in_between(
    waiting: int, filled: int, third: OpeningRequest
) -> None:
    decision = decide(third, account=after(waiting=waiting, filled=filled))
    assert "daily_loss" in decision.codes
    assert decision.max_collateral_usd is None


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
