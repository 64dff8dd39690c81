"""What holds for every order: limits are monotone, what is said to pass passes, both sides are treated alike."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.consensus import MarkPrice
from risk.checks import (
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
from risk.usage import WINDOWS, Standing, Usage
from risk.values import COLLATERAL_TICK, LEVERAGE_TICK
from tests.risk.cases import ACCOUNT, ETH, LIMITS, NOW_MS

D = Decimal
# What a larger order may cure: minimums, the exception that the design names. Every other denial stays.
MINIMUMS = {"min_notional", "stop_too_close"}
# Shares of the collateral: of a position at another leverage or price, more collateral beside it can make them smaller.
SHARES = {"leverage", "price_uncertain", "liquidation_buffer", "stop_beyond_liquidation", "stop_too_far"}
PRICED = {"limit_wrong_side", "stop_wrong_side", "stop_beyond_liquidation", "take_profit_wrong_side"}  # measure a price
many = settings(max_examples=60, deadline=None)


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
    leverage = draw(st.one_of(amounts("1", "10", 2), amounts("10", "100", 2), amounts("100", "1000", 2)))
    move, target = (draw(st.none() | amounts("0.0001", "0.9", 4)) for _ in "st")
    held = draw(st.none() | positions(side, price, leverage))
    market = MarketRules(
        symbol="ETH/USD",
        min_leverage=D(1),
        max_leverage=D(1000),
        min_notional_usd=draw(st.sampled_from([D(0), D(100), D(5000)])),
        spread_rate=draw(amounts("0", "0.003", 5)),
        open_fee_rate=draw(amounts("0", "0.001", 5)),
        close_fee_rate=draw(amounts("0", "0.001", 5)),
        is_upside=is_upside,
        headroom_usd=draw(st.none() | amounts("0", "200000", 2)),
        max_positions=draw(st.none() | st.integers(1, 3)),
        max_gain_rate=D(25),
        max_stop_loss_rate=D("0.8"),
    )
    exposure = Exposure(draw(amounts("0", "120000", 2)), draw(amounts("0", "9000", 2)), draw(st.integers(0, 3)))
    return {
        "order": OpeningRequest(
            market="ETH/USD",
            side=side,
            collateral_usd=draw(amounts("0.000001", "50", 6) | amounts("50", "2000", 2) | amounts("2000", "20000", 0)),
            leverage=leverage,
            stop_price=None if move is None else away(price, -side.sign * move),
            take_profit_price=None if target is None else away(price, side.sign * target),
            slippage_rate=draw(amounts("0", "0.005", 4)),
            increases=held,
            **(draw(waits(price)) if held is None else {}),
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
        "usage": draw(st.none() | usages()),
    }


@st.composite
def positions(draw: st.DrawFn, side: Side, price: Decimal, leverage: Decimal) -> OpenPosition:
    """A position to increase: like the order, or at a price and a leverage of its own, with costs that accrued."""
    collateral = draw(amounts("1", "5000", 2))
    if draw(st.booleans()):
        return OpenPosition(side, price, collateral, collateral * leverage)
    entry, own = away(price, draw(amounts("-0.3", "0.3", 4))), draw(amounts("1", "1000", 2))
    return OpenPosition(side, entry, collateral, collateral * own, collateral * draw(amounts("0", "0.9", 2)))


def waits(price: Decimal) -> st.SearchStrategy[dict[str, Any]]:
    """A price to wait for on either side of the mark, or none."""
    limits = st.none() | amounts("-0.4", "0.5", 4).map(lambda move: away(price, move))
    return st.fixed_dictionaries({"limit_price": limits, "waits_below": st.booleans()})


def usages() -> st.SearchStrategy[Usage]:
    """What was opened before: nothing, much, or so much that hardly anything passes."""
    counts, volumes = st.integers(0, 6).map(D), amounts("0", "12000", 6)
    return st.builds(
        lambda *used: Usage({window.code: Standing(each) for window, each in zip(WINDOWS, used, strict=True)}),
        *(volumes if window.is_volume else counts for window in WINDOWS),
    )


def away(price: Decimal, move: Decimal) -> Decimal:
    return (price * (1 + move)).quantize(D("0.0000000001"))


def decide(situation: dict[str, Any], **changes: Decimal) -> RiskDecision:
    return evaluate(**(situation | {"order": replace(situation["order"], **changes)}))


# A little more, and so much more that a rule which looks at only a part of the range is found out.
FACTORS = tuple(map(D, ("1.01", "1.5", "4", "20", "300")))


@many
@given(situations())
def test_more_collateral_never_turns_a_denial_into_a_pass(situation: dict[str, Any]) -> None:
    order, mark = situation["order"], situation["mark"]
    held = order.increases
    is_alike = held is None or (held.entry_price, held.notional_usd) == (
        mark.price,
        held.collateral_usd * order.leverage,
    )
    denied = set(decide(situation).codes) - (MINIMUMS if is_alike else MINIMUMS | SHARES)
    for factor in FACTORS:
        collateral = (situation["order"].collateral_usd * factor).quantize(COLLATERAL_TICK)
        assert denied <= set(decide(situation, collateral_usd=collateral).codes), factor


@many
@given(situations())
def test_more_leverage_never_turns_a_denial_into_a_pass(situation: dict[str, Any]) -> None:
    denied = set(decide(situation).codes) - MINIMUMS
    for factor in FACTORS:
        leverage = (situation["order"].leverage * factor).quantize(LEVERAGE_TICK)
        assert denied <= set(decide(situation, leverage=leverage).codes), factor


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
    """Mirrored at the entry, without frictions: a spread is a fraction of the fill, so that it mirrors only nearly.

    So does the entry of two fills at different prices, which is their mean by coins.
    """
    market, mark = replace(situation["market"], spread_rate=D(0)), replace(situation["mark"], uncertainty=D(0))
    held = situation["order"].increases
    at_mark = None if held is None else replace(held, entry_price=mark.price)
    order = replace(situation["order"], slippage_rate=D(0), increases=at_mark)
    frictionless = situation | {"order": order, "market": market, "mark": mark}
    entry = order.limit_price or mark.price
    other = {"order": mirrored(order, entry), "mark": replace(mark, price=2 * entry - mark.price)}
    ours, theirs = evaluate(**frictionless), evaluate(**(frictionless | other))
    assert told(ours) == told(theirs)


def told(decision: RiskDecision) -> list[Any]:
    """All that is said of a decision but prices, which are mirrored themselves."""
    checks = [
        (
            check.code,
            check.passed,
            None if check.code in PRICED else check.detail,
            None if check.code in PRICED or check.measured is None else round(check.measured, 20),
        )
        for check in decision.checks
    ]
    denials = [(denial.code, denial.max_collateral_usd, denial.max_leverage) for denial in decision.denials]
    return [checks, denials, decision.max_collateral_usd, decision.max_leverage]


@many
@given(
    st.sampled_from(Side),
    amounts("0.002", "0.02", 4),
    amounts("0.001", "0.003", 5),
    amounts("0.001", "0.003", 5),
    amounts("0.001", "0.003", 5),
)
def test_frictions_cost_both_sides_the_same_but_for_their_squares(
    side: Side, move: Decimal, spread: Decimal, slippage: Decimal, uncertainty: Decimal
) -> None:
    """What the spread, the slippage and the uncertainty add is against the trader on either side, never for one."""
    order = OpeningRequest("ETH/USD", side, D(100), D(10), D(3000) * (1 - side.sign * move), slippage_rate=slippage)
    given: dict[str, Any] = {
        "account": ACCOUNT,
        "market": replace(ETH, spread_rate=spread),
        "mark": MarkPrice("ETH/USD", D(3000), uncertainty, NOW_MS, ("avantis",), ()),
        "limits": LIMITS,
        "trading_state": TradingState.ACTIVE,
        "now_ms": NOW_MS,
    }
    ours = measured(evaluate(order=order, **given))
    theirs = measured(evaluate(order=mirrored(order, D(3000)), **given))
    square = 3 * (move + 2 * (spread + slippage) + uncertainty) ** 2
    assert abs(ours["account_risk"] - theirs["account_risk"]) <= 1000 * square
    assert abs(ours["liquidation_buffer"] - theirs["liquidation_buffer"]) <= square
    least_cost = 2 * (spread + slippage)
    assert min(ours["account_risk"], theirs["account_risk"]) >= 1000 * (move + least_cost - square)
    assert max(ours["liquidation_buffer"], theirs["liquidation_buffer"]) <= D("0.085") - move - uncertainty + square


def measured(decision: RiskDecision) -> dict[str, Decimal]:
    return {check.code: check.measured for check in decision.checks if check.measured is not None}


def mirrored(order: OpeningRequest, price: Decimal) -> OpeningRequest:
    other = Side.SHORT if order.side is Side.LONG else Side.LONG
    return replace(
        order,
        side=other,
        waits_below=not order.waits_below,
        stop_price=None if order.stop_price is None else 2 * price - order.stop_price,
        take_profit_price=None if order.take_profit_price is None else 2 * price - order.take_profit_price,
        increases=None if order.increases is None else replace(order.increases, side=other),
    )


@many
@given(situations(), st.sampled_from(TradingState))
def test_no_limit_ever_denies_a_reduction(situation: dict[str, Any], state: TradingState) -> None:
    decision = evaluate_reduction(market=situation["market"], trading_state=state)
    assert decision.approved is (state is not TradingState.HALTED)
