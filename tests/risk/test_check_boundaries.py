"""Every rule at its limit, and one tick beyond."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from feeds.consensus import NoConsensus
from risk.checks import CODES, AccountSnapshot, Day, Exposure, OpenPosition, TradingState
from risk.margin import Side
from risk.usage import UNKNOWN, WINDOWS, Standing, Usage
from tests.risk.cases import ACCOUNT, ETH, ETH_UPSIDE, LIMITS, NOW_MS, decide, mark, order

D = Decimal
RICH = AccountSnapshot(free_usd=D(10_000_000))
WIDE = replace(ETH, max_leverage=D(1000))


def held(notional: str, **changes: Any) -> AccountSnapshot:
    exposure = Exposure(positions_notional_usd=D(notional), **changes)
    return AccountSnapshot(free_usd=D(10_000_000), exposure=exposure)


def used(**amounts: Any) -> Usage:
    return Usage({window.code: Standing(D(amounts.get(window.code, 0))) for window in WINDOWS})


def lost(usd: str, **changes: Any) -> AccountSnapshot:
    """10 000 at 00:00 UTC, so much less now."""
    return AccountSnapshot(free_usd=10_000 - D(usd), day=Day(opening_equity_usd=D(10_000), **changes))


LIMITED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {  # code: (at the limit, a tick beyond)
    "trading_state": ({"trading_state": TradingState.ACTIVE}, {"trading_state": TradingState.REDUCING}),
    "market_not_listed": ({}, {"market": replace(ETH, is_listed=False)}),
    "market_close_only": ({}, {"market": replace(ETH, is_close_only=True)}),
    "market_closed": ({}, {"market": replace(ETH, is_open=False)}),
    "previous_order_unresolved": ({}, {"account": held("0", has_unresolved_order=True)}),
    "too_many_positions": (
        {"market": replace(ETH, max_positions=40), "account": held("0", position_count=39)},
        {"market": replace(ETH, max_positions=40), "account": held("0", position_count=40)},
    ),
    "price_unavailable": ({}, {"mark": NoConsensus("vetoed")}),
    "price_stale": ({"mark": mark(age_ms=5000)}, {"mark": mark(age_ms=5001)}),
    "price_uncertain": (
        {"mark": mark(uncertainty="0.02125")},  # a quarter of 0.85 / 10
        {"mark": mark(uncertainty="0.0212500001")},
    ),
    "leverage": ({"order": order("10", "75")}, {"order": order("10", "75.01")}),
    "min_notional": ({"order": order("50", "2")}, {"order": order("49.999999", "2")}),
    "position_size": (
        {"account": held("98000", pending_notional_usd=D(1000))},
        {"account": held("98000", pending_notional_usd=D("1000.01"))},
    ),
    "headroom": ({"market": replace(ETH, headroom_usd=D(1000))}, {"market": replace(ETH, headroom_usd=D("999.99"))}),
    "margin": (
        {
            "account": AccountSnapshot(free_usd=D("1000.45"), reserved_usd=D(900)),
            "order": order("100", "10", stop="2950"),
        },
        {
            "account": AccountSnapshot(free_usd=D("1000.44"), reserved_usd=D(900)),
            "order": order("100", "10", stop="2950"),
        },
    ),
    "account_risk": ({"order": order("1000", "2")}, {"order": order("1000.000001", "2")}),
    "daily_loss": (
        {"account": lost("1000", positions_usd=D(600), pending_usd=D(300)), "order": order("100", "10")},
        {"account": lost("1000", positions_usd=D(600), pending_usd=D("300.000001")), "order": order("100", "10")},
    ),
    "spread_too_wide": (
        {"market": replace(ETH, spread_rate=D("0.01"))},
        {"market": replace(ETH, spread_rate=D("0.010001"))},
    ),
    "spread_loss": (
        {"market": replace(ETH, spread_rate=D("0.005")), "order": order("10", "50.19")},
        {"market": replace(ETH, spread_rate=D("0.005")), "order": order("10", "50.20")},
    ),
    "stop_wrong_side": ({"order": order(stop="2999")}, {"order": order(stop="3000")}),
    "stop_too_far": (
        {"market": replace(ETH, max_stop_loss_rate=D("0.8")), "order": order(stop="2760")},
        {"market": replace(ETH, max_stop_loss_rate=D("0.8")), "order": order(stop="2759.99")},
    ),
    "stop_too_close": ({"order": order(stop="2999.4")}, {"order": order(stop="2999.41")}),
    "take_profit_wrong_side": ({"order": order(take_profit="3001")}, {"order": order(take_profit="3000")}),
    "rate_limits_unavailable": ({"usage": None}, {"usage": UNKNOWN}),
    "opens_per_minute": ({"usage": used(opens_per_minute=4)}, {"usage": used(opens_per_minute=5)}),
    "trades_per_day": ({"usage": used(trades_per_day=49)}, {"usage": used(trades_per_day=50)}),
    "hourly_volume": ({"usage": used(hourly_volume="9000")}, {"usage": used(hourly_volume="9000.000001")}),
    "daily_volume": ({"usage": used(daily_volume="49000")}, {"usage": used(daily_volume="49000.000001")}),
    "take_profit_too_far": (
        {"market": replace(ETH, max_gain_rate=D(25)), "order": order(take_profit="10500")},
        {"market": replace(ETH, max_gain_rate=D(25)), "order": order(take_profit="10500.01")},
    ),
}


@pytest.mark.parametrize("code", LIMITED)
def test_the_limit_passes_and_a_tick_beyond_is_denied(code: str) -> None:
    allowed, refused = LIMITED[code]
    assert decide(**allowed).codes == ()
    assert decide(**refused).codes == (code,)


def test_every_code_has_a_boundary_here_or_a_test_of_its_own() -> None:
    elsewhere = {
        *("liquidation_buffer", "stop_beyond_liquidation", "daily_loss_locked"),
        *("cooldown", "drawdown_lock", "market_lock"),
    }
    assert {code for code in CODES if not code.startswith("invalid_")} == set(LIMITED) | elsewhere


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
