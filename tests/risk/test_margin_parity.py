"""The margin maths gives the venue's own numbers, over thousands of random positions."""

import random
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

import pytest
from veranta_sdk import compute

from risk import margin
from risk.margin import ProfitTier, Side
from risk.rules.venue import least_upside_stop_rate

CASES = 20_000
TIERS: list[float] = [1, 5, 25, 50, 100, 250, 500, 1500, 2500, 3000]
SHARES = [80, 50, 45, 37.5, 27.5, 25, 25, 22.5, 15, 2.5]
PROFIT_TIERS = tuple(ProfitTier(Decimal(t) / 100, Decimal(str(s)) / 100) for t, s in zip(TIERS, SHARES, strict=True))


@dataclass(frozen=True)
class Held:
    side: Side
    entry: Decimal
    price: Decimal
    collateral: Decimal
    leverage: Decimal
    rollover: Decimal
    funding: Decimal
    close_fee: Decimal
    discount: Decimal
    protection: Decimal

    @property
    def notional(self) -> Decimal:
        return self.collateral * self.leverage

    @property
    def is_long(self) -> bool:
        return self.side is Side.LONG


@cache
def held_positions() -> list[Held]:
    rng = random.Random(20261122)

    def number(low: int, high: int, scale: int) -> Decimal:
        return Decimal(rng.randint(low, high)).scaleb(-scale)

    positions = []
    for _ in range(CASES):
        entry = number(1, 10**7, rng.choice((2, 5, 8)))
        move = number(-3 * 10**4, 3 * 10**4, rng.choice((5, 7)))
        positions.append(
            Held(
                side=rng.choice(list(Side)),
                entry=entry,
                price=entry * (1 + move),
                collateral=number(10**4, 10**11, 6),
                leverage=number(100, 10**5, 2),
                rollover=number(0, 10**8, 6),
                funding=number(-(10**8), 10**8, 6),
                close_fee=number(0, 100, 5),
                discount=number(0, 100, 2),
                protection=number(0, 25, 2),
            )
        )
    return positions


def equal(ours: Decimal, theirs: float) -> bool:
    """Within 1e-9 of the value, or 1e-9 USD (the SDK computes in binary floats)."""
    return abs(ours - Decimal(theirs)) <= Decimal("1e-9") * max(abs(ours), Decimal(1))


def test_liquidation_prices_are_the_venues() -> None:
    for held in held_positions():
        ours = margin.liquidation_price(
            side=held.side,
            entry_price=held.entry,
            collateral_usd=held.collateral,
            notional_usd=held.notional,
            fees_usd=held.rollover + held.funding,
        )
        theirs = compute.estimate_liquidation_price(
            open_price=float(held.entry),
            collateral=float(held.collateral),
            leverage=float(held.leverage),
            is_long=held.is_long,
            rollover_fee=float(held.rollover),
            funding_fee=float(held.funding),
        )
        assert equal(ours, theirs), held


def test_fixed_fee_profits_and_losses_are_the_venues() -> None:
    for held in held_positions():
        ours = margin.net_pnl(
            side=held.side,
            entry_price=held.entry,
            price=held.price,
            collateral_usd=held.collateral,
            notional_usd=held.notional,
            close_fee_rate=held.close_fee,
            fee_discount_rate=held.discount,
            rollover_usd=held.rollover,
            funding_usd=held.funding,
            loss_protection_rate=held.protection,
        )
        theirs = compute.net_pnl(
            current_price=float(held.price),
            open_price=float(held.entry),
            collateral=float(held.collateral),
            leverage=float(held.leverage),
            is_long=held.is_long,
            close_fee_p=float(held.close_fee * 100),
            fee_discount_p=float(held.discount * 100),
            rollover_fee=float(held.rollover),
            funding_fee=float(held.funding),
            loss_protection_p=float(held.protection * 100),
        )
        for amount, expected in (
            (ours.gross_usd, theirs.gross),
            (ours.close_fee_usd, theirs.closing_fee),
            (ours.loss_protection_usd, theirs.loss_protection),
            (ours.net_usd, theirs.net),
        ):
            assert equal(amount, expected), held


def test_upside_profits_and_losses_are_the_venues() -> None:
    for held in held_positions():
        ours = margin.upside_net_pnl(
            side=held.side,
            entry_price=held.entry,
            price=held.price,
            collateral_usd=held.collateral,
            notional_usd=held.notional,
            tiers=PROFIT_TIERS,
            rollover_usd=held.rollover,
            funding_usd=held.funding,
        )
        theirs = compute.net_pnl(
            current_price=float(held.price),
            open_price=float(held.entry),
            collateral=float(held.collateral),
            leverage=float(held.leverage),
            is_long=held.is_long,
            is_upside=True,
            rollover_fee=float(held.rollover),
            funding_fee=float(held.funding),
            pnl_tier_p=TIERS,
            pnl_fees_p=SHARES,
        )
        assert equal(ours.profit_share_usd, theirs.profit_share_fee), held
        assert equal(ours.net_usd, theirs.net), held


def test_stops_and_take_profits_are_at_the_venues_prices() -> None:
    for held in held_positions():
        percent, share = held.protection * 400, held.discount / 2  # of the collateral; of the profit
        amount = held.collateral * percent / 100
        stop = margin.stop_price_from_usd(
            side=held.side, base_price=held.entry, notional_usd=held.notional, loss_usd=amount
        )
        target = margin.take_profit_price_from_usd(
            side=held.side,
            base_price=held.entry,
            notional_usd=held.notional,
            gain_usd=amount,
            profit_share=share,
        )
        base, leverage = float(held.entry), float(held.leverage)
        expected_stop = compute.sl_percent_to_price(base, float(percent), leverage, held.is_long)
        expected_target = compute.tp_percent_to_price(
            base, float(percent), leverage, held.is_long, is_upside=True, pnl_fee_p=float(share * 100)
        )
        assert equal(stop, expected_stop), held
        assert equal(target, expected_target), held


@pytest.mark.parametrize("gain", ["0", "0.005", "0.01", "0.049", "0.05", "2.5", "29.99", "30", "31"])
def test_the_profit_share_follows_the_venues_tiers(gain: str) -> None:
    expected = compute.pnl_fee_by_gross_profit_p(TIERS, float(Decimal(gain) * 100), SHARES)
    assert margin.profit_share_rate(PROFIT_TIERS, Decimal(gain)) == Decimal(str(expected)) / 100


def test_a_market_without_tiers_shares_nothing() -> None:
    assert margin.profit_share_rate((), Decimal(5)) == 0


@pytest.mark.parametrize("leverage", [1, 10, 11, 25, 30, 50, 75, 100, 250, 300, 500, 700, 1000, 2000])
def test_the_least_upside_stop_is_the_venues(leverage: int) -> None:
    assert equal(least_upside_stop_rate(Decimal(leverage)) * 100, compute.pnl_order_min_sl(leverage))
