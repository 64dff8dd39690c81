"""Position size: the notional of all that a trader has in one market, waits for, and asks for."""

from dataclasses import replace
from decimal import Decimal

import pytest

from risk.checks import AccountSnapshot, Exposure
from risk.margin import Side
from tests.risk.cases import ETH, LIMITS, decide, order
from trading.telegram import denial_words

D = Decimal
LIMIT = 100_000


def account(positions: int = 0, pending: int = 0) -> AccountSnapshot:
    return AccountSnapshot(free_usd=D(10_000_000), exposure=Exposure(D(positions), D(pending)))


@pytest.mark.parametrize(("positions", "pending"), [(0, 0), (60_000, 0), (0, 60_000), (50_000, 40_000)])
def test_positions_pending_openings_and_the_order_count_together(positions: int, pending: int) -> None:
    held = account(positions, pending)
    room = D(LIMIT - positions - pending)
    assert decide(order(str(room / 10), "10", stop="2999"), account=held).approved
    decision = decide(order(str(room / 10 + D("0.000001")), "10", stop="2999"), account=held)
    assert decision.codes == ("position_size",)
    assert decision.max_collateral_usd == room / 10
    assert decision.max_leverage == D("9.99")


def test_the_trader_reads_the_resulting_exposure() -> None:
    denial = decide(order("2000", "10", stop="2999"), account=account(90_000)).denials[0]
    words = denial_words.denial({"code": denial.code, "measured": str(denial.measured), "limit": str(denial.limit)})
    assert words == "• Your exposure in this market would be 110,000.00 USDC; the limit is 100,000.00 USDC."


def test_a_full_market_leaves_no_size_that_passes() -> None:
    decision = decide(account=account(LIMIT))
    assert decision.denials[0].max_collateral_usd == decision.denials[0].max_leverage == 0
    assert decision.max_collateral_usd is None


def test_both_sides_count_the_same() -> None:
    for side in Side:
        assert decide(order("1000.1", "10", side), account=account(90_000)).codes == ("position_size",)


def test_a_policy_may_set_another_size() -> None:
    limits = replace(LIMITS, max_position_size_usd=D(500))
    assert decide(order("50", "10"), limits=limits).approved
    assert decide(order("50.01", "10"), limits=limits).codes == ("position_size",)


def test_the_venues_room_and_least_size_bind_as_well() -> None:
    tight = replace(ETH, headroom_usd=D(500), min_notional_usd=D(100))
    assert decide(order("50.01", "10"), market=tight).codes == ("headroom",)
    assert decide(order("9.99", "10"), market=tight).codes == ("min_notional",)
