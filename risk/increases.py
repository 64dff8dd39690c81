"""What becomes of a position that is added to: its coins, collateral and notional add up. Pure; amounts in USDC.

The entry price is the total notional over the total coins, so that profit and loss are those of the parts together.
"""

from dataclasses import replace
from decimal import Decimal

from risk import margin
from risk.values import OpenPosition
from vanta.money import ZERO


def increased(
    held: OpenPosition, *, fill_price: Decimal, collateral_usd: Decimal, notional_usd: Decimal
) -> OpenPosition:
    """`held` with so much more, filled at `fill_price`. Raises InvalidMargin without coins."""
    return replace(
        held,
        entry_price=margin.average_entry_price((held.entry_price, held.notional_usd), (fill_price, notional_usd)),
        collateral_usd=held.collateral_usd + collateral_usd,
        notional_usd=held.notional_usd + notional_usd,
    )


def added_loss(
    held: OpenPosition,
    *,
    fill_price: Decimal,
    collateral_usd: Decimal,
    notional_usd: Decimal,
    stop_price: Decimal | None,
    exit_rate: Decimal = ZERO,
    open_fee_usd: Decimal = ZERO,
    close_fee_rate: Decimal = ZERO,
) -> Decimal:
    """How much more can be lost than by `held` alone: what is added has its loss at the stop of both.

    Losses count beyond the added collateral, as the whole position's pays for them; all that is added without a stop.
    A position that has won at its stop does not pay for it: what it wins there is counted as kept elsewhere.
    """
    if stop_price is None:
        return collateral_usd
    exit_price = margin.fill_price_with_spread(side=held.side, price=stop_price, spread_rate=exit_rate, opening=False)

    def loss(entry_price: Decimal, notional: Decimal, costs_usd: Decimal) -> Decimal:
        gross = margin.gross_pnl(side=held.side, entry_price=entry_price, price=exit_price, notional_usd=notional)
        return margin.close_fee(notional_usd=notional, rate=close_fee_rate) + costs_usd - gross

    alone = loss(held.entry_price, held.notional_usd, held.accrued_fees_usd)
    together = alone + loss(fill_price, notional_usd, open_fee_usd)
    more = min(together, held.collateral_usd + collateral_usd) - min(alone, held.collateral_usd)
    return max(more, ZERO)
