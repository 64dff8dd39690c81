"""Closing, tightening and adding margin: only a halt and a closed market stand in the way."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from risk.checks import TradingState, evaluate_reduction
from tests.risk.cases import ETH


@pytest.mark.parametrize("state", [TradingState.ACTIVE, TradingState.REDUCING])
def test_a_reduction_passes_while_trading_is_not_halted(state: TradingState) -> None:
    assert evaluate_reduction(market=ETH, trading_state=state).approved


def test_a_halt_denies_a_reduction() -> None:
    decision = evaluate_reduction(market=ETH, trading_state=TradingState.HALTED)
    assert [(denial.code, denial.detail) for denial in decision.denials] == [("trading_state", "halted")]


def test_a_closed_market_denies_a_reduction_with_its_next_opening() -> None:
    opens_at = dt.datetime(2026, 11, 23, 14, 30, tzinfo=dt.UTC)
    market = replace(ETH, is_open=False, opens_at=opens_at)
    decision = evaluate_reduction(market=market, trading_state=TradingState.HALTED)
    assert decision.codes == ("trading_state", "market_closed")
    assert decision.denials[1].detail == "2026-11-23T14:30:00+00:00"


@pytest.mark.parametrize(
    "changes",
    [{"is_close_only": True}, {"is_listed": False}, {"headroom_usd": Decimal(0)}, {"max_positions": 0}],
)
def test_what_stops_openings_lets_reductions_pass(changes: dict[str, Any]) -> None:
    market = replace(ETH, **changes)
    assert evaluate_reduction(market=market, trading_state=TradingState.REDUCING).approved
