"""What holds for every order: limits are monotone, what is said to pass passes, both sides are treated alike."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.consensus import MarkPrice
from risk.checks import (
    CODES,
    AccountSnapshot,
    Day,
    Exposure,
    MarketRules,
    OpeningRequest,
    OpenPosition,
    RiskDecision,
    TradingState,
    evaluate,
    evaluate_reduction,
)
from risk.margin import Side
from risk.values import COLLATERAL_TICK, LEVERAGE_TICK
from tests.risk.cases import LIMITS, NOW_MS

D = Decimal
# The limits that a larger order can only break; minimums are the exception that the design names.
UPPER_IN_SIZE = {"position_size", "headroom", "margin", "account_risk", "daily_loss"}
UPPER_IN_LEVERAGE = UPPER_IN_SIZE | {
    "price_uncertain",
    "spread_loss",
    "liquidation_buffer",
    "stop_beyond_liquidation",
    "stop_too_far",
    "take_profit_too_far",
}
many = settings(max_examples=30, deadline=None)


def amounts(low: str, high: str, places: int) -> st.SearchStrategy[Decimal]:
    return st.decimals(D(low), D(high), places=places)


def utc_days() -> st.SearchStrategy[Day]:
    return st.builds(
        Day,
        opening_equity_usd=st.none() | amounts("0", "50000", 6),
        net_deposits_usd=amounts("-9000", "9000", 6),
        gains_usd=amounts("0", "9000", 6),
        positions_usd=amounts("0", "900", 6),
        pending_usd=amounts("0", "900", 6),
        is_locked=st.booleans(),
    )


@st.composite
def situations(draw: st.DrawFn) -> dict[str, Any]:
    """Arguments of `evaluate` with sane numbers: both sides, fixed-fee and Upside, stops near and far."""
    side = draw(st.sampled_from(Side))
    is_upside = draw(st.booleans())
    price = draw(amounts("0.001", "99999", 4))
    leverage = draw(amounts("1", "1000", 2))
    move = draw(st.none() | amounts("0.0001", "0.9", 4))
    target = draw(st.none() | amounts("0.0001", "0.9", 4))
    held = draw(st.none() | amounts("1", "5000", 2))
    market = MarketRules(
        symbol="ETH/USD",
        min_leverage=D(1),
        max_leverage=D(1000),
        min_notional_usd=D(0),
        spread_rate=draw(amounts("0", "0.003", 5)),
        open_fee_rate=draw(amounts("0", "0.001", 5)),
        close_fee_rate=draw(amounts("0", "0.001", 5)),
        is_upside=is_upside,
        headroom_usd=draw(st.none() | amounts("0", "200000", 2)),
        max_gain_rate=D(25),
        max_stop_loss_rate=D("0.8"),
    )
    exposure = Exposure(draw(amounts("0", "120000", 2)), draw(amounts("0", "9000", 2)))
    return {
        "order": OpeningRequest(
            market="ETH/USD",
            side=side,
            collateral_usd=draw(amounts("0.000001", "20000", 6)),
            leverage=leverage,
            stop_price=None if move is None else away(price, -side.sign * move),
            take_profit_price=None if target is None else away(price, side.sign * target),
            slippage_rate=draw(amounts("0", "0.005", 4)),
            increases=None if held is None else OpenPosition(side, price, held, held * leverage),
        ),
        "account": AccountSnapshot(
            free_usd=draw(amounts("0", "50000", 6)),
            reserved_usd=draw(amounts("0", "9000", 6)),
            collateral_usd=draw(amounts("0", "9000", 6)),
            unrealised_pnl_usd=draw(amounts("-9000", "9000", 6)),
            exposure=exposure,
            day=draw(utc_days()),
        ),
        "market": market,
        "mark": MarkPrice("ETH/USD", price, draw(amounts("0", "0.01", 6)), NOW_MS, ("avantis",), ()),
        "limits": LIMITS,
        "trading_state": TradingState.ACTIVE,
        "now_ms": NOW_MS,
    }


def away(price: Decimal, move: Decimal) -> Decimal:
    return (price * (1 + move)).quantize(D("0.0000000001"))


def decide(situation: dict[str, Any], **changes: Decimal) -> RiskDecision:
    return evaluate(**(situation | {"order": replace(situation["order"], **changes)}))


@many
@given(situations(), amounts("1", "3", 2))
def test_more_collateral_never_turns_a_denial_into_a_pass(situation: dict[str, Any], factor: Decimal) -> None:
    collateral = (situation["order"].collateral_usd * factor).quantize(COLLATERAL_TICK)
    before, after = decide(situation), decide(situation, collateral_usd=collateral)
    assert UPPER_IN_SIZE & set(before.codes) <= set(after.codes)


@many
@given(situations(), amounts("1", "3", 2))
def test_more_leverage_never_turns_a_denial_into_a_pass(situation: dict[str, Any], factor: Decimal) -> None:
    leverage = (situation["order"].leverage * factor).quantize(LEVERAGE_TICK)
    before, after = decide(situation), decide(situation, leverage=leverage)
    assert UPPER_IN_LEVERAGE & set(before.codes) <= set(after.codes)


@many
@given(situations())
def test_the_largest_collateral_of_a_denial_passes_and_a_tick_more_is_denied(situation: dict[str, Any]) -> None:
    for denial in decide(situation).denials:
        if denial.max_collateral_usd:
            assert denial.code not in decide(situation, collateral_usd=denial.max_collateral_usd).codes
            beyond = denial.max_collateral_usd + COLLATERAL_TICK
            assert denial.code in decide(situation, collateral_usd=beyond).codes
        elif denial.max_collateral_usd is not None:
            assert denial.code in decide(situation, collateral_usd=COLLATERAL_TICK).codes


@many
@given(situations())
def test_the_largest_leverage_of_a_denial_passes_and_a_tick_more_is_denied(situation: dict[str, Any]) -> None:
    for denial in decide(situation).denials:
        if denial.max_leverage:
            assert denial.code not in decide(situation, leverage=denial.max_leverage).codes
            assert denial.code in decide(situation, leverage=denial.max_leverage + LEVERAGE_TICK).codes
        elif denial.max_leverage is not None:
            assert denial.code in decide(situation, leverage=D(1)).codes


@many
@given(situations())
def test_what_is_said_to_cure_the_whole_order_cures_it(situation: dict[str, Any]) -> None:
    decision = decide(situation)
    if decision.max_collateral_usd is not None:
        assert decide(situation, collateral_usd=decision.max_collateral_usd).approved
        assert not decide(situation, collateral_usd=decision.max_collateral_usd + COLLATERAL_TICK).approved
    if decision.max_leverage is not None:
        assert decide(situation, leverage=decision.max_leverage).approved
        assert not decide(situation, leverage=decision.max_leverage + LEVERAGE_TICK).approved


@many
@given(situations())
def test_a_named_stop_brings_the_loss_within_the_budget(situation: dict[str, Any]) -> None:
    for denial in decide(situation).denials:
        if denial.stop_price is not None:
            codes = set(decide(situation, stop_price=denial.stop_price).codes)
            assert not codes & {denial.code, "stop_wrong_side", "stop_beyond_liquidation", "liquidation_buffer"}


@many
@given(situations())
def test_long_and_short_mirror_each_other(situation: dict[str, Any]) -> None:
    """Mirrored at the mark, without frictions: a spread is a fraction of the fill, so that it mirrors only nearly."""
    market, mark = replace(situation["market"], spread_rate=D(0)), replace(situation["mark"], uncertainty=D(0))
    order = replace(situation["order"], slippage_rate=D(0))
    frictionless = situation | {"order": order, "market": market, "mark": mark}
    ours, theirs = evaluate(**frictionless), evaluate(**(frictionless | {"order": mirrored(order, mark.price)}))
    assert ours.codes == theirs.codes
    assert (ours.max_collateral_usd, ours.max_leverage) == (theirs.max_collateral_usd, theirs.max_leverage)


def mirrored(order: OpeningRequest, price: Decimal) -> OpeningRequest:
    other = Side.SHORT if order.side is Side.LONG else Side.LONG
    return replace(
        order,
        side=other,
        stop_price=None if order.stop_price is None else 2 * price - order.stop_price,
        take_profit_price=None if order.take_profit_price is None else 2 * price - order.take_profit_price,
        increases=None if order.increases is None else replace(order.increases, side=other),
    )


@many
@given(situations(), st.sampled_from(TradingState))
def test_no_limit_ever_denies_a_reduction(situation: dict[str, Any], state: TradingState) -> None:
    decision = evaluate_reduction(market=situation["market"], trading_state=state)
    assert decision.approved is (state is not TradingState.HALTED)
