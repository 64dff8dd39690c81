"""The rules on margin that is added or withdrawn, as pure functions: boundaries, and what is named as passing."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.consensus import NoConsensus
from risk.checks import AccountSnapshot, Day
from risk.margin import Side
from risk.margin_changes import MarginCase, evaluate_addition, evaluate_withdrawal
from risk.values import LiveTerms, OpenPosition, TradingState
from tests.risk.cases import ETH, LIMITS, NOW_MS, mark

D = Decimal
LONG = OpenPosition(Side.LONG, D(3000), D(100), D(1000))
SHORT = replace(LONG, side=Side.SHORT)
LIVE_TERMS = LiveTerms(
    is_switched_on=False,
    is_confirmed=False,
    is_disputed=False,
    is_refused=False,
    is_chain_disputed=False,
    allowance_usd=None,
    delegate_hours_left=D(1),
    max_notional_usd=D(0),
)


def case(amount: Any, **changes: Any) -> MarginCase:
    """A long of 100 USDC at 10x, at its entry, in an account of 10 000."""
    account = AccountSnapshot(free_usd=D(9900), collateral_usd=D(100), day=Day(positions_usd=D(100)))
    usual: dict[str, Any] = {
        "position": LONG,
        "stop_price": None,
        "slippage_rate": D("0.001"),
        "account": account,
        "market": ETH,
        "mark": mark(),
        "limits": LIMITS,
        "trading_state": TradingState.ACTIVE,
        "now_ms": NOW_MS,
    }
    return MarginCase(amount_usd=D(str(amount)), **{**usual, **changes})


@pytest.mark.parametrize(
    ("amount", "changes", "codes"),
    [
        ("-86.666666", {}, ()),  # 75x is what the market takes
        ("-86.666667", {}, ("leverage",)),
        ("-86", {"mark": mark("2980")}, ()),
        ("-86", {"mark": mark("2964.5")}, ("liquidation_buffer",)),
        ("-86", {"mark": mark("3035.5"), "position": SHORT}, ("liquidation_buffer",)),
        ("-100", {}, ("all_of_the_margin",)),
        ("-500", {}, ("all_of_the_margin",)),
        ("-99.999999", {}, ("price_uncertain", "leverage", "liquidation_buffer")),
        ("-50", {"stop_price": D(2880)}, ()),
        ("-50", {"stop_price": D(2878)}, ("liquidation_buffer",)),
        ("-50", {"stop_price": D(2872)}, ("liquidation_buffer", "stop_beyond_liquidation")),
        ("-50", {"mark": NoConsensus("vetoed")}, ("price_unavailable",)),
        ("-50", {"mark": mark(age_ms=5001)}, ("price_stale",)),
        ("-50", {"mark": mark(uncertainty="0.011")}, ("price_uncertain",)),
        ("-50", {"limits": replace(LIMITS, max_account_risk_pct=D("0.00499"))}, ("account_risk",)),
        ("-50", {"limits": replace(LIMITS, max_daily_loss_pct=D("0.00499"))}, ("daily_loss",)),
        ("-50", {"trading_state": TradingState.REDUCING}, ("trading_state",)),
        ("-50", {"market": replace(ETH, is_open=False)}, ("market_closed",)),
        ("-50", {"is_changing": True}, ("order_under_way",)),
    ],
)
def test_a_withdrawal(amount: str, changes: dict[str, Any], codes: tuple[str, ...]) -> None:
    assert evaluate_withdrawal(case(amount, **changes)).codes == codes


@pytest.mark.parametrize(
    ("amount", "changes", "codes"),
    [
        ("900", {}, ()),
        ("900.000001", {}, ("leverage",)),
        ("9900.000001", {}, ("leverage", "margin", "daily_loss")),
        ("50", {"mark": NoConsensus("vetoed")}, ()),
        ("50", {"limits": replace(LIMITS, max_daily_loss_pct=D("0.015"))}, ()),
        ("50", {"limits": replace(LIMITS, max_daily_loss_pct=D("0.01499"))}, ("daily_loss",)),
        ("50", {"limits": replace(LIMITS, max_daily_loss_pct=D(0)), "stop_price": D(2900)}, ()),
        ("50", {"trading_state": TradingState.REDUCING}, ()),
        ("50", {"trading_state": TradingState.HALTED}, ("trading_state",)),
        ("50", {"market": replace(ETH, is_open=False)}, ("market_closed",)),
    ],
)
def test_an_addition(amount: str, changes: dict[str, Any], codes: tuple[str, ...]) -> None:
    assert evaluate_addition(case(amount, **changes)).codes == codes


@pytest.mark.parametrize(
    ("terms", "code"),
    [
        ({"delegate_hours_left": None}, "no_delegate"),
        ({"is_disputed": True}, "books_disputed"),
        ({"is_chain_disputed": True}, "chain_disagrees"),
    ],
)
def test_with_real_money_the_wallets_permission_and_the_books_are_asked_about(terms: dict[str, Any], code: str) -> None:
    usual = LIVE_TERMS  # neither switch nor second tap: it follows the position
    account = replace(case(-50).account, live=replace(usual, **terms))
    assert evaluate_withdrawal(case(-50, account=replace(account, live=usual))).approved
    assert evaluate_withdrawal(case(-50, account=account)).codes == (code,)


@pytest.mark.parametrize(("allowed", "codes"), [("50", ()), ("49.999999", ("allowance",))])
def test_an_addition_is_no_more_than_the_wallet_lets_the_venue_take(allowed: str, codes: tuple[str, ...]) -> None:
    account = replace(case(50).account, live=replace(LIVE_TERMS, allowance_usd=D(allowed)))
    assert evaluate_addition(case(50, account=account)).codes == codes


amounts = st.decimals(min_value="0.000001", max_value="20000", places=6)
prices = st.decimals(min_value="2700", max_value="3300", places=2)
stops = st.none() | st.decimals(min_value="2700", max_value="3300", places=2)


@given(amount=amounts, price=prices, stop=stops, position=st.sampled_from([LONG, SHORT]), is_addition=st.booleans())
def test_what_is_named_as_passing_passes_and_a_little_more_does_not(
    amount: Decimal, price: Decimal, stop: Decimal | None, position: OpenPosition, is_addition: bool
) -> None:
    evaluate, sign = (evaluate_addition, 1) if is_addition else (evaluate_withdrawal, -1)
    usual = {"mark": mark(str(price)), "stop_price": stop, "position": position}
    most = evaluate(case(sign * amount, **usual)).max_collateral_usd
    if most is not None:
        assert evaluate(case(sign * most, **usual)).approved
        assert not evaluate(case(sign * (most + D("0.000001")), **usual)).approved


@pytest.mark.parametrize("amount", ["NaN", "-NaN", "Infinity", "-Infinity", "0", "0.0000001", "1e30", "-1e-30"])
def test_what_is_no_amount_is_denied_and_nothing_raises(amount: str) -> None:
    for evaluate in (evaluate_addition, evaluate_withdrawal):
        decision = evaluate(case(amount))
        assert (decision.codes, decision.max_collateral_usd) == (("invalid_collateral",), None)


@pytest.mark.parametrize("number", ["NaN", "sNaN", "-Infinity", "1e999999"])
@pytest.mark.parametrize(
    ("held", "name"),
    [
        ("position", "collateral_usd"),
        ("position", "notional_usd"),
        ("account", "free_usd"),
        ("account", "unrealised_pnl_usd"),
        ("market", "spread_rate"),
        ("mark", "price"),
        ("limits", "max_account_risk_pct"),
    ],
)
def test_where_an_account_cannot_be_read_nothing_is_moved_and_nothing_raises(held: str, name: str, number: str) -> None:
    for amount, evaluate in ((50, evaluate_addition), (-50, evaluate_withdrawal)):
        usual = case(amount)
        damaged = replace(usual, **{held: replace(getattr(usual, held), **{name: D(number)})})
        assert evaluate(damaged).codes == ("invalid_snapshot",)
