"""What a position can lose, where it ends, and which price stands for which loss."""

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk import margin
from risk.margin import InvalidMargin, Side

D = Decimal
SIDES = pytest.mark.parametrize("side", list(Side))


def test_a_long_is_liquidated_below_its_entry_and_a_short_as_far_above() -> None:
    position = {"entry_price": D(3000), "collateral_usd": D(100), "notional_usd": D(1000)}
    assert margin.liquidation_price(side=Side.LONG, **position) == 2745
    assert margin.liquidation_price(side=Side.SHORT, **position) == 3255


def test_accrued_fees_bring_liquidation_nearer() -> None:
    assert margin.liquidation_distance(collateral_usd=D(100), notional_usd=D(1000)) == D("0.085")
    assert margin.liquidation_distance(collateral_usd=D(100), notional_usd=D(1000), fees_usd=D(5)) == D("0.08")


def test_the_spread_is_paid_on_the_worse_side_of_opening_and_closing() -> None:
    moved = {
        (side, opening): margin.fill_price_with_spread(
            side=side, price=D(3000), spread_rate=D("0.0001"), opening=opening
        )
        for side in Side
        for opening in (True, False)
    }
    assert moved[Side.LONG, True] == moved[Side.SHORT, False] == D("3000.3")
    assert moved[Side.LONG, False] == moved[Side.SHORT, True] == D("2999.7")


def test_without_a_stop_all_of_the_collateral_can_be_lost() -> None:
    assert worst_loss(stop=None) == 100


def test_the_worst_loss_counts_the_move_both_fees_spread_and_slippage() -> None:
    assert worst_loss(stop=D(2900)) == D(100) / 3
    assert worst_loss(stop=D(2900), open_fee_usd=D("0.45"), close_fee_rate=D("0.00045")) == D(100) / 3 + D("0.9")
    exit_at = D(2900) * (1 - D("0.0011"))
    assert worst_loss(stop=D(2900), spread_rate=D("0.0001"), slippage_rate=D("0.001")) == (3000 - exit_at) / 3


def test_no_stop_loses_more_than_the_collateral() -> None:
    assert worst_loss(stop=D(1000)) == 100


def test_a_stop_in_profit_loses_nothing() -> None:
    assert worst_loss(stop=D(3200)) == 0


@SIDES
@settings(max_examples=60, deadline=None)
@given(loss=st.decimals(1, 80, places=4), spread=st.decimals(0, D("0.01"), places=5))
def test_the_stop_at_a_loss_is_the_inverse_of_the_worst_loss(side: Side, loss: Decimal, spread: Decimal) -> None:
    costs = {"spread_rate": spread, "open_fee_usd": D("0.45"), "close_fee_rate": D("0.00045")}
    stop = margin.stop_price_at_loss(side=side, entry_price=D(3000), notional_usd=D(1000), loss_usd=loss, **costs)
    assert abs(worst_loss(stop=stop, side=side, **costs) - loss) < D("1e-20")


@SIDES
def test_a_stop_lies_against_the_position_and_a_take_profit_with_it(side: Side) -> None:
    stop = margin.stop_price_from_move(side=side, base_price=D(3000), move_rate=D("0.02"))
    target = margin.take_profit_price_from_move(side=side, base_price=D(3000), move_rate=D("0.02"))
    assert (stop, target) == ((D(2940), D(3060)) if side is Side.LONG else (D(3060), D(2940)))


def test_a_partial_close_keeps_the_leverage() -> None:
    left = margin.leverage_after_partial_close(
        collateral_usd=D(100), notional_usd=D(1000), closed_share=D("0.25"), net_pnl_usd=D(-50)
    )
    assert left == margin.effective_leverage(collateral_usd=D(100), notional_usd=D(1000), net_pnl_usd=D(-50)) == 20


def test_two_fills_average_by_coins() -> None:
    assert margin.average_entry_price((D(2000), D(1000)), (D(4000), D(1000))) == D(2000) / D("0.75")


def test_free_collateral_is_what_pending_openings_leave() -> None:
    assert margin.free_collateral(free_usd=D(100), reserved_usd=D(30)) == 70
    assert margin.free_collateral(free_usd=D(100), reserved_usd=D(130)) == 0


@pytest.mark.parametrize("notional", ["0", "-1", "NaN"])
def test_a_position_without_size_has_no_liquidation_price(notional: str) -> None:
    with pytest.raises(InvalidMargin):
        margin.liquidation_price(side=Side.LONG, entry_price=D(3000), collateral_usd=D(100), notional_usd=D(notional))


def test_nothing_remains_of_a_position_closed_whole() -> None:
    with pytest.raises(InvalidMargin):
        margin.leverage_after_partial_close(collateral_usd=D(100), notional_usd=D(1000), closed_share=D(1))


def worst_loss(stop: Decimal | None, side: Side = Side.LONG, **costs: Decimal) -> Decimal:
    return margin.worst_loss(
        side=side,
        entry_price=D(3000),
        collateral_usd=D(100),
        notional_usd=D(1000),
        stop_price=stop,
        **costs,
    )
