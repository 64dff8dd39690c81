"""How much margin takes a position out of its liquidation buffer."""

from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from risk import margin
from risk.additions import margin_leaving_buffer
from risk.margin import InvalidMargin, Side

D = Decimal


def test_a_worked_example() -> None:
    """1000 of notional, the price 7 % against it, 10 % of the distance to be kept: 0.07 / 0.9 of 1000 over 0.85."""
    found = margin_leaving_buffer(
        side=Side.LONG, entry_price=D(3000), price=D(2790), notional_usd=D(1000), accrued_usd=D(0), kept_pct=D("0.1")
    )
    assert (found.leverage, found.collateral_usd) == (D("10.9285"), D("91.503866"))


@pytest.mark.parametrize(("price", "kept_pct"), [(D(3000), D("0.1")), (D(3100), D("0.1")), (D(2900), D(1))])
def test_where_no_margin_is_needed_or_none_helps(price: Decimal, kept_pct: Decimal) -> None:
    with pytest.raises(InvalidMargin):
        margin_leaving_buffer(
            side=Side.LONG, entry_price=D(3000), price=price, notional_usd=D(1000), accrued_usd=D(0), kept_pct=kept_pct
        )


@given(
    side=st.sampled_from(Side),
    adverse=st.decimals("0.0001", "0.5", places=6),
    notional=st.decimals(100, 100_000, places=6),
    accrued=st.decimals(0, 50, places=6),
    kept=st.decimals("0", "0.6", places=3),
)
def test_it_is_enough_and_the_notional_stays(
    side: Side, adverse: Decimal, notional: Decimal, accrued: Decimal, kept: Decimal
) -> None:
    entry = D(3000)
    price = entry * (1 - side.sign * adverse)
    found = margin_leaving_buffer(
        side=side, entry_price=entry, price=price, notional_usd=notional, accrued_usd=accrued, kept_pct=kept
    )
    assume(found.leverage >= 1)
    assert abs(found.collateral_usd * found.leverage - notional) <= found.leverage * D("0.0000005")
    liquidation = margin.liquidation_price(
        side=side, entry_price=entry, collateral_usd=found.collateral_usd, notional_usd=notional, fees_usd=accrued
    )
    left, whole = side.sign * (price - liquidation), side.sign * (entry - liquidation)
    assert left >= kept * whole - D("0.0001")
