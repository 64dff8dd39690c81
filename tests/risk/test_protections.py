"""Locks after losses: off until a policy turns them on, exact to the millisecond, and only ever about openings."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk.checks import AccountSnapshot, RiskDecision, TradingState, evaluate_reduction
from risk.values import EquityThen, Losses, Protections
from tests.risk.cases import ETH, LIMITS, NOW_MS, decide, order

D = Decimal
SECOND, MINUTE, HOUR, DAY = 1000, 60_000, 3_600_000, 86_400_000
CODES = ("cooldown", "drawdown_lock", "market_lock")
COOLDOWN = Protections(cooldown_minutes=60)
DRAWDOWN = Protections(drawdown_pct=D("0.1"), drawdown_days=7)
MARKET = Protections(market_stops=3, market_stops_hours=24)


def protected(by: Protections, losses: Losses, *, equity: str = "10000", **changes: Any) -> RiskDecision:
    account = AccountSnapshot(free_usd=D(equity), losses=losses)
    given: dict[str, Any] = {"account": account, "limits": replace(LIMITS, protections=by)}
    return decide(order("100", "10", stop="2990"), **(given | changes))


def ago(*ages_ms: int) -> tuple[int, ...]:
    return tuple(sorted(NOW_MS - age for age in ages_ms))


def stopped(age_ms: int) -> Losses:
    return Losses(last_stop_out_ms=NOW_MS - age_ms)


def stopped_here(*ages_ms: int) -> Losses:
    return Losses(stop_outs_here_ms=ago(*ages_ms))


def worth(*equities: tuple[int, str]) -> Losses:
    """Pairs of (age, equity)."""
    return Losses(openings=tuple(EquityThen(NOW_MS - age, D(usd)) for age, usd in equities))


BOUNDARIES: list[tuple[str, Protections, Losses, str, tuple[str, ...]]] = [
    ("one ms before the cool-down ends", COOLDOWN, stopped(60 * MINUTE - 1), "10000", ("cooldown",)),
    ("when it ends", COOLDOWN, stopped(60 * MINUTE), "10000", ()),
    ("just stopped out", COOLDOWN, stopped(0), "10000", ("cooldown",)),
    ("booked by a clock that is ahead", COOLDOWN, stopped(-5 * SECOND), "10000", ("cooldown",)),
    ("never stopped out", COOLDOWN, Losses(), "10000", ()),
    ("stops here are another rule's", COOLDOWN, stopped_here(0, 1, 2), "10000", ()),
    ("fallen by the limit", DRAWDOWN, worth((DAY, "10000")), "9000", ()),
    ("and by a tick more", DRAWDOWN, worth((DAY, "10000")), "8999.999999", ("drawdown_lock",)),
    ("one ms before the high leaves", DRAWDOWN, worth((7 * DAY - 1, "20000")), "10000", ("drawdown_lock",)),
    ("when it leaves", DRAWDOWN, worth((7 * DAY, "20000")), "10000", ()),
    ("today's opening counts", DRAWDOWN, worth((0, "20000")), "10000", ("drawdown_lock",)),
    ("the highest counts, not the last", DRAWDOWN, worth((2 * DAY, "20000"), (DAY, "1000")), "10000", CODES[1:2]),
    ("no day is known", DRAWDOWN, Losses(), "1000", ()),
    ("more was paid out than there was", DRAWDOWN, worth((DAY, "-500"), (0, "0")), "10000", ()),
    ("one stop less than the limit", MARKET, stopped_here(0, 1), "10000", ()),
    ("as many as the limit", MARKET, stopped_here(0, 1, 24 * HOUR - 1), "10000", ("market_lock",)),
    ("the oldest has left", MARKET, stopped_here(0, 1, 24 * HOUR), "10000", ()),
    ("in other markets only", MARKET, stopped(0), "10000", ()),
]


@pytest.mark.parametrize(("title", "by", "losses", "equity", "codes"), BOUNDARIES, ids=[each[0] for each in BOUNDARIES])
def test_at_the_limit(title: str, by: Protections, losses: Losses, equity: str, codes: tuple[str, ...]) -> None:
    assert protected(by, losses, equity=equity).codes == codes
    assert protected(Protections(), losses, equity=equity).codes == ()


ENDINGS: list[tuple[Protections, Losses, str, str, int]] = [  # measured, limit, ms until it ends
    (COOLDOWN, stopped(12 * MINUTE), "12", "60", 48 * MINUTE),
    (DRAWDOWN, worth((5 * DAY, "12500"), (2 * DAY, "11200"), (DAY, "11000")), "0.2", "0.1", 5 * DAY),
    (DRAWDOWN, worth((5 * DAY, "12500")), "0.2", "0.1", 2 * DAY),
    (MARKET, stopped_here(9 * HOUR, 7 * HOUR, HOUR), "3", "3", 15 * HOUR),
    (MARKET, stopped_here(9 * HOUR, 7 * HOUR, 5 * HOUR, HOUR), "4", "3", 17 * HOUR),
]


@pytest.mark.parametrize(("by", "losses", "measured", "limit", "left_ms"), ENDINGS)
def test_a_denial_says_when_it_ends_and_nothing_cures_it(
    by: Protections, losses: Losses, measured: str, limit: str, left_ms: int
) -> None:
    decision = protected(by, losses)
    (denial,) = decision.denials
    assert (denial.measured, denial.limit) == (D(measured), D(limit))
    assert dt.datetime.fromisoformat(denial.detail).timestamp() * 1000 == NOW_MS + left_ms
    assert denial.retry_after_s == D(left_ms) / 1000
    assert (denial.max_collateral_usd, denial.max_leverage, denial.stop_price) == (None, None, None)
    assert (decision.max_collateral_usd, decision.max_leverage) == (None, None)
    assert protected(by, losses, now_ms=NOW_MS + left_ms - 1).codes[-1:] == (denial.code,)
    assert denial.code not in protected(by, losses, now_ms=NOW_MS + left_ms).codes


def test_what_is_off_is_not_asked_and_what_is_on_is_among_the_checks() -> None:
    def asked(by: Protections) -> list[str]:
        return [check.code for check in protected(by, Losses()).checks if check.code in CODES]

    assert asked(Protections()) == []
    assert asked(replace(COOLDOWN, **{name: getattr(MARKET, name) for name in ("market_stops", "market_stops_hours")}))
    assert asked(DRAWDOWN) == ["drawdown_lock"]
    assert asked(Protections(drawdown_pct=D("0.1"), market_stops=3)) == []  # half of a pair says nothing


def test_an_equity_that_is_no_number_is_refused_and_raises_nothing() -> None:
    decision = protected(DRAWDOWN, Losses(openings=(EquityThen(NOW_MS, D("NaN")),)))
    assert (decision.codes, decision.denials[0].detail) == (("invalid_snapshot",), "EquityThen.equity_usd")
    decision = protected(replace(DRAWDOWN, drawdown_pct=D("NaN")), Losses())
    assert decision.denials[0].detail == "Protections.drawdown_pct"


def test_closing_asks_no_protection() -> None:
    decision = evaluate_reduction(market=ETH, trading_state=TradingState.ACTIVE)
    assert not {check.code for check in decision.checks} & set(CODES)


def ages(most_ms: int) -> st.SearchStrategy[int]:
    return st.integers(0, most_ms)


def all_losses() -> st.SearchStrategy[Losses]:
    equities = st.builds(
        lambda age, usd: EquityThen(NOW_MS - age, usd), ages(9 * DAY), st.decimals(0, 30_000, places=6)
    )
    return st.builds(
        lambda last, here, openings: Losses(last and NOW_MS - last, ago(*here), tuple(openings)),
        st.none() | ages(3 * HOUR),
        st.lists(ages(30 * HOUR), max_size=6),
        st.lists(equities, max_size=6),
    )


def all_protections() -> st.SearchStrategy[Protections]:
    return st.builds(
        Protections,
        cooldown_minutes=st.none() | st.integers(0, 150),
        drawdown_pct=st.none() | st.decimals(0, 1, places=4),
        drawdown_days=st.none() | st.integers(0, 8),
        market_stops=st.none() | st.integers(0, 5),
        market_stops_hours=st.none() | st.integers(0, 28),
    )


def denied(by: Protections, losses: Losses, **changes: Any) -> set[str]:
    return set(protected(by, losses, **changes).codes) & set(CODES)


@given(all_losses())
@settings(max_examples=60, deadline=None)
def test_switched_off_they_never_deny(losses: Losses) -> None:
    assert protected(Protections(), losses).codes == ()


@given(all_protections(), all_losses(), st.integers(0, 10 * DAY))
@settings(max_examples=150, deadline=None)
def test_a_later_time_never_denies_what_passed_before(by: Protections, losses: Losses, later_ms: int) -> None:
    assert denied(by, losses, now_ms=NOW_MS + later_ms) <= denied(by, losses)


@given(all_protections(), all_losses())
@settings(max_examples=150, deadline=None)
def test_whoever_waits_as_long_as_the_denial_says_passes_and_not_a_moment_before(
    by: Protections, losses: Losses
) -> None:
    for denial in protected(by, losses).denials:
        assert denial.retry_after_s is not None
        end_ms = NOW_MS + int(denial.retry_after_s * 1000)
        assert denial.code in denied(by, losses, now_ms=end_ms - 1)
        assert denial.code not in denied(by, losses, now_ms=end_ms)


@given(all_protections(), all_losses(), st.decimals(D("0.01"), 1, places=2))
@settings(max_examples=60, deadline=None)
def test_a_smaller_order_passes_no_sooner(by: Protections, losses: Losses, share: Decimal) -> None:
    account = AccountSnapshot(free_usd=D(10_000), losses=losses)
    limits = replace(LIMITS, protections=by)
    smaller = decide(order(str(100 * share), "10", stop="2990"), account=account, limits=limits)
    assert set(smaller.codes) & set(CODES) == denied(by, losses)
