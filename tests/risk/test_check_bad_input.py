"""Zero, negative, NaN, absurd precision, an empty account: a clear denial, never an exception."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from feeds.consensus import NoConsensus
from risk.checks import AccountSnapshot, Day, OpenPosition
from risk.margin import Side
from tests.risk.cases import ACCOUNT, ETH, LIMITS, decide, mark, order

D = Decimal
BAD_NUMBERS = [
    ("NaN", "not_a_number"),
    ("sNaN", "not_a_number"),
    ("Infinity", "not_a_number"),
    ("0", "not_positive"),
    ("-0", "not_positive"),
    ("-100", "not_positive"),
    ("1e999", "too_large"),
    ("1e-999", "too_precise"),
    ("1.00000000000001", "too_precise"),
]


@pytest.mark.parametrize(("text", "reason"), BAD_NUMBERS)
def test_a_bad_collateral_is_denied(text: str, reason: str) -> None:
    decision = decide(order(text))
    assert [(denial.code, denial.detail) for denial in decision.denials] == [("invalid_collateral", reason)]


@pytest.mark.parametrize(("text", "reason"), BAD_NUMBERS)
def test_a_bad_leverage_is_denied(text: str, reason: str) -> None:
    decision = decide(order("100", text))
    assert [(denial.code, denial.detail) for denial in decision.denials] == [("invalid_leverage", reason)]


@pytest.mark.parametrize(("text", "reason"), BAD_NUMBERS)
@pytest.mark.parametrize("name", ["stop", "take_profit"])
def test_a_bad_stop_or_take_profit_is_denied(name: str, text: str, reason: str) -> None:
    changes: dict[str, Any] = {name: text}
    decision = decide(order(**changes))
    assert [(denial.code, denial.detail) for denial in decision.denials] == [(f"invalid_{name}", reason)]


@pytest.mark.parametrize("text", ["NaN", "-0.01", "0.5", "Infinity"])
def test_a_bad_slippage_is_denied(text: str) -> None:
    assert decide(order(slippage_rate=D(text))).codes == ("invalid_slippage",)


def test_a_leverage_below_one_is_denied_by_the_envelope() -> None:
    decision = decide(order("1000", "0.5"))
    assert decision.codes == ("leverage",)
    assert decision.denials[0].limit == 1


def test_an_empty_account_is_denied_for_margin_and_risk_with_no_size_that_passes() -> None:
    decision = decide(order("100", "10"), account=AccountSnapshot(free_usd=D(0)))
    assert decision.codes == ("margin", "account_risk", "daily_loss")
    assert [denial.max_collateral_usd for denial in decision.denials] == [0, 0, 0]
    assert decision.max_collateral_usd is None


def test_a_negative_equity_names_no_stop() -> None:
    ruined = AccountSnapshot(free_usd=D(200), unrealised_pnl_usd=D(-500))
    decision = decide(order("100", "10"), account=ruined)
    assert decision.codes == ("account_risk", "daily_loss")
    assert [denial.stop_price for denial in decision.denials] == [None, None]


def test_states_are_still_told_beside_bad_numbers() -> None:
    decision = decide(order("NaN"), market=replace(ETH, is_open=False), mark=NoConsensus("no_quotes"))
    assert decision.codes == ("invalid_collateral", "market_closed", "price_unavailable")


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"account": replace(ACCOUNT, free_usd=D("NaN"))}, "AccountSnapshot.free_usd"),
        ({"account": replace(ACCOUNT, day=Day(opening_equity_usd=D("NaN")))}, "Day.opening_equity_usd"),
        ({"market": replace(ETH, spread_rate=D("Infinity"))}, "MarketRules.spread_rate"),
        ({"market": replace(ETH, spread_rate=D(1))}, "MarketRules.spread_rate"),
        ({"limits": replace(LIMITS, max_leverage=D("1e99"))}, "Limits.max_leverage"),
        ({"mark": mark("0")}, "mark"),
        ({"mark": mark(uncertainty="-0.1")}, "mark"),
        ({"order": order(market="BTC/USD")}, "market"),
        ({"order": order(increases=OpenPosition(Side.LONG, D(0), D(1), D(1)))}, "position"),
    ],
)
def test_an_unusable_snapshot_is_denied_and_named(changes: dict[str, Any], name: str) -> None:
    denial = decide(**changes).denials[0]
    assert (denial.code, denial.detail) == ("invalid_snapshot", name)
