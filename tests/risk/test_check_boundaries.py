"""Every rule at its limit and one tick beyond, and what the trader reads; the rows are in `boundaries_of_…`."""

import datetime as dt
import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from feeds.consensus import NoConsensus
from risk.checks import CODES, OpenPosition, RiskDecision, TradingState
from risk.margin import Side
from tests.risk import boundaries_of_amounts, boundaries_of_conditions, boundaries_of_live
from tests.risk.boundaries import Row
from tests.risk.cases import ACCOUNT, ETH, ETH_UPSIDE, LIMITS, NOW_MS, decide, mark, order
from trading.services.decisions import as_json
from trading.telegram import denial_words

D = Decimal
WIDE = replace(ETH, max_leverage=D(1000))


ROWS = boundaries_of_conditions.ROWS + boundaries_of_amounts.ROWS + boundaries_of_live.ROWS
HINT = re.compile(r"up to ([\d,.]+) USDC|up to ([\d,.]+)x|a stop at ([\d,.]+)")


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_at_the_limit_an_order_passes(row: Row) -> None:
    assert decide(**row.passes).codes == ()


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_a_tick_beyond_it_is_denied_and_the_trader_reads_why(row: Row) -> None:
    decision = decide(**row.denied)
    assert sorted(decision.codes) == sorted({row.code, *row.beside})
    assert words(decision, row.code) == row.words


@pytest.mark.parametrize("row", [row for row in ROWS if "passes" in row.words], ids=str)
def test_what_the_words_say_would_pass_passes_when_it_is_typed(row: Row) -> None:
    wish = row.denied.get("order", order())
    for collateral, leverage, stop in HINT.findall(row.words):
        named = {"collateral_usd": collateral, "leverage": leverage, "stop_price": stop}
        typed = {name: D(text.replace(",", "")) for name, text in named.items() if text}
        assert row.code not in decide(**row.denied | {"order": replace(wish, **typed)}).codes, typed


def test_every_rule_has_a_row() -> None:
    assert {row.code for row in ROWS} == set(CODES)


def words(decision: RiskDecision, code: str) -> str:
    """One denial of a stored decision, as a card and `/why` show it."""
    stored = as_json(decision)
    only = [denial for denial in stored["denials"] if denial["code"] == code]
    return denial_words.denials({"denials": only}, code)


def test_a_leverage_below_the_pairs_least_is_denied_with_that_least() -> None:
    decision = decide(order("100", "74.99", market="ETH_UPSIDE/USD"), market=ETH_UPSIDE)
    denial = decision.denials[0]
    assert (denial.code, denial.limit, denial.max_leverage, denial.detail) == ("leverage", D(75), None, "minimum")


def test_a_policy_below_the_upside_envelope_leaves_no_leverage() -> None:
    limits = replace(LIMITS, max_leverage=D(50))
    decision = decide(order("100", "75", market="ETH_UPSIDE/USD"), market=ETH_UPSIDE, limits=limits)
    assert decision.codes == ("leverage",)
    assert decision.denials[0].max_leverage == 0
    assert decision.max_leverage is None


def test_a_closed_market_names_its_next_opening() -> None:
    opens_at = dt.datetime(2026, 11, 23, 22, 5, tzinfo=dt.UTC)
    decision = decide(market=replace(ETH, is_open=False, opens_at=opens_at))
    assert decision.denials[0].detail == "2026-11-23T22:05:00+00:00"


def test_the_reason_for_no_price_is_passed_on_and_the_rest_still_checked() -> None:
    decision = decide(order("20000", "10"), mark=NoConsensus("no_fresh_quote"))
    assert decision.codes == ("price_unavailable", "position_size", "margin", "account_risk", "daily_loss")
    assert decision.denials[0].detail == "no_fresh_quote"


def test_all_denials_are_returned_in_a_stable_order() -> None:
    decision = decide(
        order("20000", "80", stop="3100", take_profit="2900"),
        mark=mark(age_ms=6000),
        trading_state=TradingState.HALTED,
    )
    assert decision.codes == (
        "trading_state",
        "price_stale",
        "leverage",
        "position_size",
        "margin",
        "account_risk",
        "daily_loss",
        "stop_wrong_side",
        "take_profit_wrong_side",
    )
    assert [code for code in CODES if code in decision.codes] == list(decision.codes)


@pytest.mark.parametrize("side", list(Side))
def test_the_buffer_is_measured_from_the_mark_after_the_worst_fill(side: Side) -> None:
    # The worst fill takes spread and uncertainty; what is left of 0.85/L must be 5 % of it: 0.85 · 0.95 / 0.0101 ≈ 80x.
    market = replace(WIDE, spread_rate=D("0.0001"))
    limits = replace(LIMITS, price_max_uncertainty_share=D(1))
    wide = decide(order("10", "100", side), market=market, mark=mark(uncertainty="0.01"), limits=limits)
    assert "liquidation_buffer" in wide.codes
    assert wide.max_leverage is not None
    assert abs(wide.max_leverage - D("79.95")) < 1
    assert decide(
        order("10", str(wide.max_leverage), side), market=market, mark=mark(uncertainty="0.01"), limits=limits
    ).approved


@pytest.mark.parametrize(("side", "sign"), [(Side.LONG, -1), (Side.SHORT, 1)])
def test_a_stop_keeps_the_buffer_before_liquidation(side: Side, sign: int) -> None:
    def codes(move: str) -> tuple[str, ...]:
        exact = mark(uncertainty="0")
        free = replace(ETH, spread_rate=D(0))
        return decide(order("100", "10", side, stop=str(3000 * (1 + sign * D(move)))), mark=exact, market=free).codes

    assert codes("0.08075") == ()  # 95 % of 8.5 %
    assert codes("0.0807501") == ("liquidation_buffer",)
    assert codes("0.08499") == ("liquidation_buffer",)
    assert codes("0.085") == ("liquidation_buffer", "stop_beyond_liquidation")
    assert codes("0.2") == ("liquidation_buffer", "stop_beyond_liquidation")


def test_the_spread_moves_the_liquidation_price_towards_the_stop() -> None:
    exact = mark(uncertainty="0")
    assert "liquidation_buffer" in decide(order(stop="2757.75"), mark=exact).codes


def test_an_upside_stop_has_the_venues_floor() -> None:
    def codes(stop: str) -> tuple[str, ...]:
        return decide(order("20", "100", market="ETH_UPSIDE/USD", stop=stop), market=ETH_UPSIDE).codes

    assert codes("2996.625") == ()  # 11.25 % of the collateral at 100x
    assert codes("2996.626") == ("stop_too_close",)


def test_an_upside_market_charges_no_open_fee() -> None:
    exact = replace(ACCOUNT, free_usd=D(20), unrealised_pnl_usd=D(1000))
    assert decide(order("20", "100", market="ETH_UPSIDE/USD"), market=ETH_UPSIDE, account=exact).approved


def test_an_increase_is_judged_by_the_resulting_position() -> None:
    position = OpenPosition(Side.LONG, D(3000), collateral_usd=D(600), notional_usd=D(6000))
    more = order("500", "10", increases=position)
    decision = decide(more)
    assert decision.codes == ("account_risk",)
    assert (decision.denials[0].measured, decision.max_collateral_usd) == (D(1100), D(400))


def test_an_increase_at_a_lower_leverage_moves_liquidation_away() -> None:
    near = OpenPosition(Side.LONG, D(3000), collateral_usd=D(10), notional_usd=D(500))
    stopped: dict[str, Any] = {"stop": "2900", "leverage": "2"}
    assert "stop_beyond_liquidation" in decide(order("10", "50", stop="2900")).codes
    assert decide(order("300", increases=near, **stopped)).approved


def test_a_position_of_the_other_side_cannot_be_increased() -> None:
    position = OpenPosition(Side.SHORT, D(3000), collateral_usd=D(10), notional_usd=D(100))
    assert decide(order(increases=position)).denials[0].detail == "increases.side"


def test_a_price_from_the_future_is_no_older_than_now() -> None:
    assert decide(mark=replace(mark(), as_of_ms=NOW_MS + 1500)).approved
