"""Daily loss: what was lost, what still can be, and this order, within 20 % of the equity at 00:00 UTC."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk.checks import AccountSnapshot, Day, RiskDecision
from risk.rules import day as rules
from risk.values import COLLATERAL_TICK
from tests.risk.cases import LIMITS, decide, order
from tests.risk.trading_day import TradingDay, days
from trading.telegram import denial_words

D = Decimal
TEN_THOUSAND = D(10_000)


def account(now: str = "10000", *, opening: str = "10000", **day: Decimal | bool) -> AccountSnapshot:
    return AccountSnapshot(free_usd=D(now), day=Day(opening_equity_usd=D(opening), **day))  # type: ignore[arg-type]


def denial_of(decision: RiskDecision, code: str = "daily_loss") -> str:
    """The line that a trader reads."""
    found = next(denial for denial in decision.denials if denial.code == code)
    numbers = {name: str(getattr(found, name)) for name in found.__slots__ if getattr(found, name) not in (None, "")}
    return denial_words.denial(numbers).removeprefix("• ").splitlines()[0]


@pytest.mark.parametrize(
    ("title", "held", "passes", "refused"),
    [
        ("nothing lost: an order of a tenth", account(), "1000", None),
        ("1 900 lost", account("8100"), "100", "100.000001"),
        ("1 500 lost, 400 at open stops", account("8500", positions_usd=D(400)), "100", "100.000001"),
        ("1 500 lost, 400 in pending openings", account("8500", pending_usd=D(400)), "100", "100.000001"),
        ("as much deposited as lost", account("10000", net_deposits_usd=D(1900)), "100", "100.000001"),
        ("withdrawn, not lost", account("9000", net_deposits_usd=D(-1000)), "900", None),
        ("5 000 won today: the limit is still 2 000", account("15000", pending_usd=D(1900)), "100", "100.000001"),
        ("1 900 lost, and as much won by a position", account(gains_usd=D(1900)), "100", "100.000001"),
    ],
)
def test_at_the_limit_it_passes_and_a_tick_more_is_denied(
    title: str, held: AccountSnapshot, passes: str, refused: str | None
) -> None:
    assert decide(order(passes, "10"), account=held).codes == (), title
    if refused is not None:
        assert "daily_loss" in decide(order(refused, "10"), account=held).codes, title


def test_the_trader_reads_what_could_be_lost_and_what_would_pass() -> None:
    decision = decide(order("500", "10"), account=account("8500", positions_usd=D(400)))
    words = "With this order you could lose 2,400.00 USDC today; the limit for a day is 2,000.00 USDC."
    assert denial_of(decision) == words
    found = decision.denials[0]
    assert found.max_collateral_usd == 100
    assert found.stop_price is not None
    stopped = order("500", "10", stop=str(found.stop_price))
    assert decide(stopped, account=account("8500", positions_usd=D(400))).approved
    further = order("500", "10", stop=str(found.stop_price - D("0.001")))
    assert decide(further, account=account("8500", positions_usd=D(400))).codes == ("daily_loss",)


@pytest.mark.parametrize(
    ("now", "is_locked_before", "locked"),
    [("8000.000001", False, False), ("8000", False, True), ("7000", False, True), ("12000", True, True)],
)
def test_reaching_the_limit_locks_the_day_and_a_recovery_does_not_open_it(
    now: str, is_locked_before: bool, locked: bool
) -> None:
    decision = decide(order("100", "10", stop="2999"), account=account(now, is_locked=is_locked_before))
    assert ("daily_loss_locked" in decision.codes) is locked
    if locked:
        words = "You have reached today's loss limit of 2,000.00 USDC. Opening opens again at 00:00 UTC. Closing works."
        assert denial_of(decision, "daily_loss_locked") == words
        assert decision.max_collateral_usd is None


def test_a_new_day_begins_with_the_equity_of_its_own_midnight() -> None:
    assert "daily_loss_locked" in decide(account=account("8000")).codes
    assert decide(account=account("8000", opening="8000")).approved


def test_an_account_with_nothing_at_midnight_has_nothing_to_lose() -> None:
    decision = decide(order("100", "10"), account=account("0", opening="0"))
    assert "daily_loss" in decision.codes
    assert "daily_loss_locked" not in decision.codes


@given(
    st.decimals(D(0), D(40_000), places=2),
    st.decimals(D(-5000), D(5000), places=2),
    st.decimals(D(1), D(3), places=2),
    st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_a_larger_order_never_passes_where_a_smaller_one_did_not(
    now: Decimal, deposits: Decimal, factor: Decimal, in_size: bool
) -> None:
    held = AccountSnapshot(free_usd=now, day=Day(TEN_THOUSAND, net_deposits_usd=deposits, positions_usd=D(700)))
    wish = order("300", "10", stop="2800")
    more = (
        replace(wish, collateral_usd=(wish.collateral_usd * factor).quantize(COLLATERAL_TICK))
        if in_size
        else replace(wish, leverage=wish.leverage * factor)
    )
    if "daily_loss" in decide(wish, account=held).codes:
        assert "daily_loss" in decide(more, account=held).codes


@given(days())
@settings(max_examples=80, deadline=None)
def test_whatever_the_price_does_a_day_never_loses_more_than_its_limit(day: TradingDay) -> None:
    """Openings as the rules allow them, a price that jumps no further beyond stops than their slippage."""
    day.run()
    assert day.most_lost_usd <= LIMITS.max_daily_loss_pct * TEN_THOUSAND
    assert rules.day_loss_usd(day.snapshot()) <= LIMITS.max_daily_loss_pct * TEN_THOUSAND + day.open_fees_usd
