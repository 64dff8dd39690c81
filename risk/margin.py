"""Isolated margin in Decimal: liquidation, profit and loss, fees, stops. Pure; the numbers of the venue's `compute`.

Prices are USD per unit of base, amounts USDC, rates fractions (0.0001 = 0.01 %). Tests hold every formula against the
SDK's `compute` functions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from vanta.errors import VantaError
from vanta.money import ONE, ZERO

LIQUIDATION_THRESHOLD = Decimal("0.85")  # losses and accrued fees of this share of the collateral end a position


class InvalidMargin(VantaError):
    """A position without size, price or collateral has no liquidation price, no leverage and no PnL."""

    code = "invalid_margin"


class Side(StrEnum):
    """Which way a position gains."""

    LONG = "long"
    SHORT = "short"

    @property
    def sign(self) -> Decimal:
        """1 where a rising price gains, −1 where a falling one does."""
        return ONE if self is Side.LONG else -ONE


@dataclass(frozen=True, slots=True)
class ProfitTier:
    """From this gain on (fraction of the collateral) the venue keeps this share of an Upside position's profit."""

    gain_rate: Decimal
    share_rate: Decimal


@dataclass(frozen=True, slots=True)
class NetPnl:
    """What closing at a price would bring, in USDC, and what it is made of: net = gross − fees − share + protection."""

    gross_usd: Decimal
    close_fee_usd: Decimal
    rollover_usd: Decimal
    funding_usd: Decimal
    loss_protection_usd: Decimal
    profit_share_usd: Decimal
    net_usd: Decimal


def liquidation_price(
    *,
    side: Side,
    entry_price: Decimal,
    collateral_usd: Decimal,
    notional_usd: Decimal,
    fees_usd: Decimal = ZERO,
    threshold: Decimal = LIQUIDATION_THRESHOLD,
) -> Decimal:
    """Price at which losses and accrued fees (rollover and funding) have eaten `threshold` of the collateral.

    Raises InvalidMargin if notional_usd <= 0. Below 0.85x a long's is negative: it cannot be liquidated.
    Source: the venue's `compute.estimate_liquidation_price`, checked against it in tests.
    """
    _require_positive(notional_usd=notional_usd)
    distance = entry_price * (collateral_usd * threshold - fees_usd) / notional_usd
    return entry_price - side.sign * distance


def liquidation_distance(
    *,
    collateral_usd: Decimal,
    notional_usd: Decimal,
    fees_usd: Decimal = ZERO,
    threshold: Decimal = LIQUIDATION_THRESHOLD,
) -> Decimal:
    """How far liquidation lies from the entry, as a fraction of the entry price: about 0.85 / leverage.

    Raises InvalidMargin if notional_usd <= 0. Negative where fees have already eaten the threshold.
    """
    _require_positive(notional_usd=notional_usd)
    return (collateral_usd * threshold - fees_usd) / notional_usd


def gross_pnl(*, side: Side, entry_price: Decimal, price: Decimal, notional_usd: Decimal) -> Decimal:
    """Profit (or loss, negative) of the price's move alone. Raises InvalidMargin if entry_price <= 0."""
    _require_positive(entry_price=entry_price)
    return (price - entry_price) * side.sign * notional_usd / entry_price


def profit_share_rate(tiers: Sequence[ProfitTier], gain_rate: Decimal) -> Decimal:
    """Share of an Upside profit that the venue keeps at this gain: that of the highest tier reached, else the first.

    Source: the venue's `compute.pnl_fee_by_gross_profit_p` (parity is with `net_pnl`, not `pnl_type_fee`).
    """
    reached = [tier.share_rate for tier in tiers if gain_rate >= tier.gain_rate]
    return reached[-1] if reached else tiers[0].share_rate if tiers else ZERO


def net_pnl(
    *,
    side: Side,
    entry_price: Decimal,
    price: Decimal,
    collateral_usd: Decimal,
    notional_usd: Decimal,
    close_fee_rate: Decimal = ZERO,
    fee_discount_rate: Decimal = ZERO,
    rollover_usd: Decimal = ZERO,
    funding_usd: Decimal = ZERO,
    loss_protection_rate: Decimal = ZERO,
) -> NetPnl:
    """Net PnL of a fixed-fee position closed whole at `price`; the close fee is charged on the notional.

    Source: the venue's `compute.net_pnl(is_upside=False)`, checked against it in tests.
    """
    gross = gross_pnl(side=side, entry_price=entry_price, price=price, notional_usd=notional_usd)
    fee = close_fee(notional_usd=notional_usd, rate=close_fee_rate, discount_rate=fee_discount_rate)
    protection = min(-gross, collateral_usd) * loss_protection_rate if gross < ZERO else ZERO
    net = gross - fee - rollover_usd - funding_usd + protection
    return NetPnl(gross, fee, rollover_usd, funding_usd, protection, ZERO, net)


def upside_net_pnl(
    *,
    side: Side,
    entry_price: Decimal,
    price: Decimal,
    collateral_usd: Decimal,
    notional_usd: Decimal,
    tiers: Sequence[ProfitTier],
    rollover_usd: Decimal = ZERO,
    funding_usd: Decimal = ZERO,
) -> NetPnl:
    """Net PnL of an Upside position: no open or close fee, the venue keeps a share of the profit by `tiers`.

    Tiers ascend by gain. Raises InvalidMargin if collateral_usd <= 0.
    Source: the venue's `compute.net_pnl(is_upside=True)`, checked against it in tests.
    """
    _require_positive(collateral_usd=collateral_usd)
    gross = gross_pnl(side=side, entry_price=entry_price, price=price, notional_usd=notional_usd)
    share = gross * profit_share_rate(tiers, gross / collateral_usd) if gross > ZERO else ZERO
    net = gross - share - rollover_usd - funding_usd
    return NetPnl(gross, ZERO, rollover_usd, funding_usd, ZERO, share, net)


def open_fee(*, notional_usd: Decimal, rate: Decimal) -> Decimal:
    """Fee for opening this notional at a fixed-fee market; Upside markets have none (rate 0)."""
    return notional_usd * rate


def close_fee(*, notional_usd: Decimal, rate: Decimal, discount_rate: Decimal = ZERO) -> Decimal:
    """Fee for closing this notional, on the entry's notional as the venue's contract charges it."""
    return notional_usd * rate * (ONE - discount_rate)


def fill_price_with_spread(*, side: Side, price: Decimal, spread_rate: Decimal, opening: bool = True) -> Decimal:
    """`price` moved by the spread to the trader's worse side: up for who buys, down for who sells.

    The spread applies on open and on close. Slippage is a spread too: add it to `spread_rate`.
    """
    buys = side.sign if opening else -side.sign
    return price * (ONE + buys * spread_rate)


def worst_loss(
    *,
    side: Side,
    entry_price: Decimal,
    collateral_usd: Decimal,
    notional_usd: Decimal,
    stop_price: Decimal | None,
    spread_rate: Decimal = ZERO,
    slippage_rate: Decimal = ZERO,
    open_fee_usd: Decimal = ZERO,
    close_fee_rate: Decimal = ZERO,
    accrued_fees_usd: Decimal = ZERO,
) -> Decimal:
    """What a position can lose: the loss at its stop, all of the collateral where it has none. Never above the latter.

    `entry_price` is the fill, with its own spread and slippage in it; those given here are met when the stop closes the
    position. `open_fee_usd` belongs to a position not yet open (a fee already paid is no longer in equity).
    """
    if stop_price is None:
        return collateral_usd
    exit_rate = spread_rate + slippage_rate
    exit_price = fill_price_with_spread(side=side, price=stop_price, spread_rate=exit_rate, opening=False)
    loss = -gross_pnl(side=side, entry_price=entry_price, price=exit_price, notional_usd=notional_usd)
    fees = open_fee_usd + close_fee(notional_usd=notional_usd, rate=close_fee_rate) + accrued_fees_usd
    return min(max(loss + fees, ZERO), collateral_usd)


def stop_price_at_loss(
    *,
    side: Side,
    entry_price: Decimal,
    notional_usd: Decimal,
    loss_usd: Decimal,
    spread_rate: Decimal = ZERO,
    slippage_rate: Decimal = ZERO,
    open_fee_usd: Decimal = ZERO,
    close_fee_rate: Decimal = ZERO,
    accrued_fees_usd: Decimal = ZERO,
) -> Decimal:
    """The stop at which `worst_loss` is `loss_usd`: its inverse, as long as that is less than the collateral."""
    _require_positive(notional_usd=notional_usd)
    fees = open_fee_usd + close_fee(notional_usd=notional_usd, rate=close_fee_rate) + accrued_fees_usd
    exit_price = entry_price * (ONE - side.sign * (loss_usd - fees) / notional_usd)
    return exit_price / (ONE - side.sign * (spread_rate + slippage_rate))


def stop_price_from_move(*, side: Side, base_price: Decimal, move_rate: Decimal) -> Decimal:
    """The stop where the price has moved by this fraction of itself against the position (`sl=2%`)."""
    return base_price * (ONE - side.sign * move_rate)


def stop_price_from_usd(*, side: Side, base_price: Decimal, notional_usd: Decimal, loss_usd: Decimal) -> Decimal:
    """The stop where the price's move has lost this much, before fees (`sl=$50`). Raises InvalidMargin without it.

    Source: the venue's `compute.sl_percent_to_price`, whose percent is of the collateral; checked against it in tests.
    """
    _require_positive(notional_usd=notional_usd)
    return stop_price_from_move(side=side, base_price=base_price, move_rate=loss_usd / notional_usd)


def take_profit_price_from_move(*, side: Side, base_price: Decimal, move_rate: Decimal) -> Decimal:
    """The take-profit where the price has moved by this fraction of itself with the position (`tp=2%`)."""
    return base_price * (ONE + side.sign * move_rate)


def take_profit_price_from_usd(
    *,
    side: Side,
    base_price: Decimal,
    notional_usd: Decimal,
    gain_usd: Decimal,
    profit_share: Decimal = ZERO,
) -> Decimal:
    """The take-profit where the price's move has won this much (`tp=$50`), after the venue's share on Upside markets.

    Raises InvalidMargin without notional or where the venue keeps everything (profit_share >= 1).
    Source: the venue's `compute.tp_percent_to_price`, whose percent is of the collateral; checked against it in tests.
    """
    _require_positive(notional_usd=notional_usd, kept_rate=ONE - profit_share)
    move = gain_usd / notional_usd / (ONE - profit_share)
    return take_profit_price_from_move(side=side, base_price=base_price, move_rate=move)


def effective_leverage(*, collateral_usd: Decimal, notional_usd: Decimal, net_pnl_usd: Decimal = ZERO) -> Decimal:
    """Notional over what is left of the collateral. Raises InvalidMargin where nothing is left."""
    left = collateral_usd + net_pnl_usd
    _require_positive(remaining_usd=left)
    return notional_usd / left


def leverage_after_partial_close(
    *, collateral_usd: Decimal, notional_usd: Decimal, closed_share: Decimal, net_pnl_usd: Decimal = ZERO
) -> Decimal:
    """Effective leverage of what remains when `closed_share` (0 to 1) of a position is closed.

    A partial close takes the same share of collateral, notional and PnL, so that it changes nothing at 0 < share < 1;
    raises InvalidMargin where nothing remains.
    """
    rest = ONE - closed_share
    return effective_leverage(
        collateral_usd=collateral_usd * rest, notional_usd=notional_usd * rest, net_pnl_usd=net_pnl_usd * rest
    )


def average_entry_price(*parts: tuple[Decimal, Decimal]) -> Decimal:
    """Entry of a position made of several fills, each (entry price, notional): total notional over total coins.

    Raises InvalidMargin without coins.
    """
    coins = sum((notional / price for price, notional in parts), ZERO)
    _require_positive(coins=coins)
    return sum((notional for _, notional in parts), ZERO) / coins


def equity(*, free_usd: Decimal, collateral_usd: Decimal, net_pnl_usd: Decimal) -> Decimal:
    """E: the free balance, the collateral of all open positions, and their net unrealised PnL."""
    return free_usd + collateral_usd + net_pnl_usd


def free_collateral(*, free_usd: Decimal, reserved_usd: Decimal) -> Decimal:
    """What a new opening may use: the free balance less what pending openings reserve; never below zero."""
    return max(free_usd - reserved_usd, ZERO)


def _require_positive(**amounts: Decimal) -> None:
    for name, amount in amounts.items():
        if not (amount.is_finite() and amount > ZERO):
            raise InvalidMargin(f"{name} is not positive", amount=amount)
