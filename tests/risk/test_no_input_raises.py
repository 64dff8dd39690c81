"""Every number of every value that the checks take, made absurd one at a time and all together: always an answer.

The numbers are found in the value classes themselves, so that a new one is asked about too.
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal, getcontext, localcontext
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.consensus import MarkPrice, NoConsensus
from risk import checks
from risk.checks import CODES, Case, RiskDecision, TradingState
from risk.margin import Side
from risk.usage import WINDOWS, Standing, Usage
from risk.values import (
    AccountSnapshot,
    Day,
    EquityThen,
    Exposure,
    Limits,
    LiveTerms,
    Losses,
    MarketRules,
    OpeningRequest,
    OpenPosition,
    Protections,
)
from tests.risk.cases import ETH, LIMITS, LIVE, NOW_MS, mark, order
from trading.services.decisions import as_json
from trading.telegram import denial_words

D = Decimal
NOT_NUMBERS = tuple(map(D, ("NaN", "-NaN", "sNaN", "NaN123", "Infinity", "-Infinity")))
ABSURD = tuple(map(D, ("1e999999", "-1e999999", "1e-999999", "1e999999999999999999", "1e-999999999999999999")))
ODD = (
    *map(D, ("0", "-0", "0e999999", "-1", "-0.0001", "-1e20", "1e20", "1e-30", "0.5", "1", "1000000000000")),
    D("0." + "3" * 200),
    D("1." + "0" * 150 + "1"),
    D("9" * 21 + "." + "9" * 100),
)
INTEGERS = (0, -1, -(10**30), 10**30, 10**400)
Values = dict[type, Any]


def values() -> Values:
    """One of each value class, every optional number set."""
    held = OpenPosition(Side.LONG, D(3000), D(100), D(1000), D("0.5"))
    return {
        OpeningRequest: order("100", "10", stop="2900", take_profit="3300", slippage_rate=D("0.001")),
        OpenPosition: held,
        MarketRules: replace(
            ETH, headroom_usd=D(10**6), max_positions=40, max_gain_rate=D(25), max_stop_loss_rate=D("0.8")
        ),
        AccountSnapshot: AccountSnapshot(D(10_000), D(10), D(100), D(-5)),
        Exposure: Exposure(D(1000), D(100), 1),
        Day: Day(D(10_000), D(5), D(1), D(20), D(30)),
        Losses: Losses(NOW_MS - 10**8, (NOW_MS - 1,)),
        EquityThen: EquityThen(NOW_MS - 1, D(10_000)),
        LiveTerms: replace(LIVE, allowance_usd=D(10**6), max_notional_usd=D(10**6)),
        Limits: LIMITS,
        Protections: Protections(60, D("0.5"), 7, 3, 24),
        MarkPrice: mark(),
        Standing: Standing(D(1), 0, NOW_MS),
    }


def case(given: Values, *, market: MarketRules | None = None) -> Case:
    account = replace(
        given[AccountSnapshot],
        exposure=given[Exposure],
        day=given[Day],
        losses=replace(given[Losses], openings=(given[EquityThen],)),
        live=given[LiveTerms],
    )
    return Case(
        order=replace(given[OpeningRequest], increases=given[OpenPosition]),
        account=account,
        market=market or given[MarketRules],
        mark=given[MarkPrice],
        limits=replace(given[Limits], protections=given[Protections]),
        trading_state=TradingState.ACTIVE,
        now_ms=NOW_MS,
        usage=Usage({window.code: given[Standing] for window in WINDOWS}),
    )


def names(of: type) -> list[tuple[type, str]]:
    """The fields of every value class that hold such a number, always or where it is known."""
    return [
        (value_class, name)
        for value_class in values()
        for name, hint in get_type_hints(value_class).items()
        if of in (hint, *get_args(hint)) and get_origin(hint) is not tuple
    ]


def title(each: Any) -> str:
    return f"{each[0].__name__}.{each[1]}" if isinstance(each, tuple) else str(each)[:20]


def answered(case: Case) -> RiskDecision:
    """The decision; it can be stored, and be said to its trader."""
    decision = checks.decide(case)
    assert set(decision.codes) <= set(CODES)
    if not decision.approved:
        assert len(denial_words.denials(as_json(decision, case.mark), "").splitlines()) >= len(decision.codes)
    assert checks.evaluate_reduction(market=case.market, trading_state=TradingState.REDUCING).approved
    return decision


def test_the_values_are_an_order_that_passes() -> None:
    assert answered(case(values())).approved
    assert len(names(D)) > 40


@pytest.mark.parametrize("field", [each for each in names(D) if each[0] is not Standing], ids=title)
def test_what_is_no_number_or_is_absurd_is_refused_as_such(field: tuple[type, str]) -> None:
    for number in (*NOT_NUMBERS, *ABSURD):
        given = values()
        given[field[0]] = replace(given[field[0]], **{field[1]: number})
        decision = answered(case(given))
        assert any(code.startswith("invalid_") for code in decision.codes), number


@pytest.mark.parametrize("used", [*NOT_NUMBERS, *map(D, ("1e999999", "1e999999999999999999", "-1", "1e16"))])
def test_a_usage_that_nobody_can_read_opens_nothing(used: Decimal) -> None:
    given = values() | {Standing: Standing(used)}
    assert answered(case(given)).codes == ("rate_limits_unavailable",)
    assert _rates_asked_last(case(given)).codes == ("rate_limits_unavailable",)
    half_known = Usage({"opens_per_minute": Standing(D(0))})
    assert checks.decide(replace(case(values()), usage=half_known)).codes == ("rate_limits_unavailable",)


@pytest.mark.parametrize("field", names(D), ids=title)
def test_zero_negative_and_overprecise_numbers_are_answered(field: tuple[type, str]) -> None:
    for number in ODD:
        given = values()
        given[field[0]] = replace(given[field[0]], **{field[1]: number})
        answered(case(given))


@pytest.mark.parametrize("field", names(int), ids=title)
def test_odd_counts_and_times_are_answered(field: tuple[type, str]) -> None:
    for number in INTEGERS:
        given = values()
        given[field[0]] = replace(given[field[0]], **{field[1]: number})
        answered(case(given))


@pytest.mark.parametrize("number", [*INTEGERS, 1, 2**31 - 1])
def test_locks_of_any_length_are_answered_while_they_hold(number: int) -> None:
    lost = Losses(NOW_MS - 1, (NOW_MS - 1,))
    for each in (Protections(number), Protections(None, D("0.1"), number), Protections(market_stops=1)):
        given = values() | {EquityThen: EquityThen(NOW_MS - 1, D(20_000)), Losses: lost}
        answered(case(given | {Protections: each}))
        answered(case(given | {Protections: replace(each, market_stops_hours=number)}))


@pytest.mark.parametrize("reason", ["no_quotes", "no_fresh_quote", "not_enough_upstreams", "outliers", "vetoed"])
@pytest.mark.parametrize("leave_out", [None, OpenPosition])
def test_without_a_mark_or_a_position_every_account_is_answered(reason: Any, leave_out: type | None) -> None:
    for account in (AccountSnapshot(D(0)), AccountSnapshot(D(0), D(0), D(100), D(-100)), AccountSnapshot(D(-5))):
        given: Values = values() | {AccountSnapshot: account, MarkPrice: NoConsensus(reason)}
        if leave_out is not None:
            given[leave_out] = None
        assert "price_unavailable" in answered(case(given)).codes


wild = st.one_of(
    st.sampled_from((*NOT_NUMBERS, *ABSURD, *ODD)),
    st.decimals(allow_nan=True, allow_infinity=True),
    st.builds(
        lambda sign, digits, exponent: Decimal((sign, digits, exponent)),
        st.integers(0, 1),
        st.lists(st.integers(0, 9), min_size=1, max_size=120).map(tuple),
        st.integers(-2000, 2000),
    ),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(names(D)), wild), min_size=1, max_size=12), st.sampled_from(Side))
def test_many_odd_numbers_at_once_are_answered(changes: list[tuple[tuple[type, str], Decimal]], side: Side) -> None:
    given = values()
    for (value_class, name), number in changes:
        given[value_class] = replace(given[value_class], **{name: number})
    for value_class in (OpeningRequest, OpenPosition):
        given[value_class] = replace(given[value_class], side=side)
    answered(case(given))


def _rates_asked_last(whole: Case) -> RiskDecision:
    """As trading does it: all but the rate limits, and then these."""
    assert whole.usage is not None
    without = replace(whole, usage=None)
    return checks.with_usage(checks.decide(without), without, whole.usage)


@pytest.mark.parametrize("ask", [checks.decide, _rates_asked_last])
def test_the_callers_decimal_context_changes_nothing_and_is_left_alone(ask: Callable[[Case], RiskDecision]) -> None:
    given = values() | {Standing: Standing(D("8999.123456"), 0, NOW_MS)}
    wide = replace(LIMITS, opens_per_minute=10**6, trades_per_day=10**6)
    expected = ask(case(given | {Limits: wide}))
    with localcontext() as context:
        context.prec = 3
        assert ask(case(given | {Limits: wide})) == expected
        assert getcontext().prec == 3
