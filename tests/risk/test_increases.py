"""What an increase makes of a position, and what more it can lose."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from veranta_sdk import compute

from risk import margin
from risk.increases import added_loss, increased
from risk.margin import Side
from risk.values import AccountSnapshot, Day, Exposure, OpenPosition
from tests.risk.cases import ACCOUNT, ETH, decide, mark, order

D = Decimal
HELD = OpenPosition(Side.LONG, D(3000), collateral_usd=D(100), notional_usd=D(1000))
prices = st.decimals(min_value="1000", max_value="5000", places=2)
amounts = st.decimals(min_value="1", max_value="1000", places=2)
sides = st.sampled_from(Side)


def more(**changes: Any) -> Any:
    return order(**{"collateral": "50", "leverage": "10", "increases": HELD, **changes})


def test_the_entry_is_the_notional_over_the_coins() -> None:
    grown = increased(HELD, fill_price=D(3300), collateral_usd=D(50), notional_usd=D(500))
    assert (grown.collateral_usd, grown.notional_usd) == (D(150), D(1500))
    assert grown.entry_price == pytest.approx(D("3093.75"))  # 1500 / (1000/3000 + 500/3300)


@given(side=sides, entry=prices, fill=prices, later=prices, held=amounts, added=amounts, leverage=st.integers(1, 50))
def test_the_whole_wins_and_loses_what_its_parts_do(
    side: Side, entry: Decimal, fill: Decimal, later: Decimal, held: Decimal, added: Decimal, leverage: int
) -> None:
    first = OpenPosition(side, entry, held, held * leverage)
    whole = increased(first, fill_price=fill, collateral_usd=added, notional_usd=added * 10)
    parts = sum(
        margin.gross_pnl(side=side, entry_price=price, price=later, notional_usd=notional)
        for price, notional in ((entry, held * leverage), (fill, added * 10))
    )
    together = margin.gross_pnl(side=side, entry_price=whole.entry_price, price=later, notional_usd=whole.notional_usd)
    assert abs(together - parts) < D("1e-15")


@given(side=sides, entry=prices, fill=prices, held=amounts, added=amounts)
def test_liquidation_of_the_whole_is_the_venues(
    side: Side, entry: Decimal, fill: Decimal, held: Decimal, added: Decimal
) -> None:
    first = OpenPosition(side, entry, held, held * 10, accrued_fees_usd=D("0.2"))
    whole = increased(first, fill_price=fill, collateral_usd=added, notional_usd=added * 5)
    ours = margin.liquidation_price(
        side=side,
        entry_price=whole.entry_price,
        collateral_usd=whole.collateral_usd,
        notional_usd=whole.notional_usd,
        fees_usd=whole.accrued_fees_usd,
    )
    theirs = compute.estimate_liquidation_price(
        open_price=float(whole.entry_price),
        collateral=float(whole.collateral_usd),
        leverage=float(whole.notional_usd / whole.collateral_usd),
        is_long=side is Side.LONG,
        rollover_fee=0.2,
    )
    assert float(ours) == pytest.approx(theirs, rel=1e-12)


@given(entry=prices, price=prices, held=amounts, added=amounts, below=st.decimals("0.001", "0.2", places=3), side=sides)
def test_what_is_added_at_its_worst_is_all_that_the_whole_loses_more(
    entry: Decimal, price: Decimal, held: Decimal, added: Decimal, below: Decimal, side: Side
) -> None:
    """Counted from the mark, gains that vanish too: both together lose no more than each was said to."""
    first = OpenPosition(side, entry, held, held * 10)
    stop = price * (1 - side.sign * below)
    won = margin.gross_pnl(side=side, entry_price=entry, price=price, notional_usd=first.notional_usd)
    at_stop = margin.gross_pnl(side=side, entry_price=entry, price=stop, notional_usd=first.notional_usd)
    terms: dict[str, Any] = {"fill_price": price, "collateral_usd": added, "notional_usd": added * 10}
    extra = added_loss(first, **terms, stop_price=stop)
    of_added = -margin.gross_pnl(side=side, entry_price=price, price=stop, notional_usd=added * 10)
    ends_with = max(at_stop - of_added, -held - added)
    assert max(won, -held) - max(at_stop, -held) + extra >= max(won, -held) - ends_with - D("1e-15")
    assert added_loss(first, **terms, stop_price=None) == added


def test_the_day_counts_what_is_added_and_not_the_position_twice() -> None:
    held_risk = Day(opening_equity_usd=D(10_000), positions_usd=D(1900))
    first = OpenPosition(Side.LONG, D(3000), D(1900), D(3800))
    account = AccountSnapshot(free_usd=D(8100), collateral_usd=D(1900), day=held_risk)
    assert "daily_loss" not in decide(more(collateral="100", leverage="2", increases=first), account=account).codes
    denied = decide(more(collateral="100.000001", leverage="2", increases=first), account=account)
    assert "daily_loss" in denied.codes
    (denial,) = [each for each in denied.denials if each.code == "daily_loss"]
    assert denial.max_collateral_usd == D(100)


@pytest.mark.parametrize(("leverage", "code"), [("75", ()), ("75.01", ("leverage",))])
def test_leverage_counts_of_the_order_and_of_the_whole(leverage: str, code: tuple[str, ...]) -> None:
    small = OpenPosition(Side.LONG, D(3000), D(10), D(50))
    assert decide(more(collateral="10", leverage=leverage, increases=small), mark=mark(uncertainty="0")).codes == code


def test_a_position_above_the_limit_is_increased_by_what_brings_it_below_only() -> None:
    high = OpenPosition(Side.LONG, D(3000), D(100), D(9000))
    exact = mark(uncertainty="0")
    little, enough = (decide(more(collateral=size, increases=high), mark=exact) for size in ("10", "100"))
    (denial,) = [each for each in little.denials if each.code == "leverage"]
    assert (round(denial.measured or 0, 2), denial.limit) == (D("82.73"), D(75))
    assert "leverage" not in enough.codes


def test_the_stop_is_measured_on_the_whole_position() -> None:
    """At 3300 a stop at 3020 is too far for an opening at 10x; not for a position that began at 3000."""
    high, market = mark("3300", uncertainty="0"), replace(ETH, max_stop_loss_rate=D("0.8"))
    assert "stop_too_far" in decide(order("50", "10", stop="3020"), mark=high, market=market).codes
    lower = OpenPosition(Side.LONG, D(3000), D(500), D(5000))
    assert decide(more(stop="3020", increases=lower), mark=high, market=market).codes == ()


def test_the_position_has_its_number_already() -> None:
    full, market = replace(ACCOUNT, exposure=Exposure(position_count=40)), replace(ETH, max_positions=40)
    assert "too_many_positions" in decide(order(), account=full, market=market).codes
    assert decide(more(), account=full, market=market).codes == ()
