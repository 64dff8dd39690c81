"""The venue's own arithmetic, through its SDK: floats come in and go out here, and nowhere else.

Results are rounded to the ledger's units at once (half even), so that a float's last bits never reach the books.
"""

from dataclasses import dataclass
from decimal import Decimal

from veranta_sdk import compute

from feeds.models import Market
from risk.margin import Side
from vanta.money import HUNDRED, quantize_price, quantize_usdc


@dataclass(frozen=True, slots=True)
class ClosePnl:
    """What closing brings: gross profit or loss, the venue's fee or profit share, and the net of all costs."""

    gross_usd: Decimal
    fee_usd: Decimal
    net_usd: Decimal


def liquidation_price(
    *, side: Side, entry_price: Decimal, collateral_usd: Decimal, leverage: Decimal, accrued_usd: Decimal = Decimal(0)
) -> Decimal:
    """Price at which losses and costs have eaten 85 % of the collateral (`compute.estimate_liquidation_price`)."""
    estimate = compute.estimate_liquidation_price(
        open_price=float(entry_price),
        collateral=float(collateral_usd),
        leverage=float(leverage),
        is_long=side == Side.LONG,
        rollover_fee=float(accrued_usd),
    )
    return quantize_price(Decimal(str(estimate)))


def close_pnl(
    *,
    market: Market,
    side: Side,
    entry_price: Decimal,
    exit_price: Decimal,
    collateral_usd: Decimal,
    leverage: Decimal,
    accrued_usd: Decimal,
) -> ClosePnl:
    """PnL of closing `collateral_usd` of a position at `exit_price` (`compute.net_pnl`, fixed fee or Upside)."""
    result = compute.net_pnl(
        current_price=float(exit_price),
        open_price=float(entry_price),
        collateral=float(collateral_usd),
        leverage=float(leverage),
        is_long=side == Side.LONG,
        is_upside=market.is_upside,
        close_fee_p=float(market.close_fee_rate * HUNDRED),
        rollover_fee=float(accrued_usd),
        pnl_tier_p=[float(tier) for tier in market.upside_tier_gains_pct],
        pnl_fees_p=[float(fee) for fee in market.upside_tier_fees_pct],
    )
    gross = quantize_usdc(Decimal(str(result.gross)))
    fee = quantize_usdc(Decimal(str(result.closing_fee + result.profit_share_fee)))
    return ClosePnl(gross_usd=gross, fee_usd=fee, net_usd=gross - fee - accrued_usd)
