"""Paper fills beside LIVE ones, at the mark of the moment: how far reality is from what DRY promises.

In no ledger and no limit. Without a trusted mark there is none: a comparison with an old price would say nothing. Nor
has an order one that rested: it was filled at a price of its own, and is heard of late; the mark of the moment says
nothing of it.
"""

from collections.abc import Sequence
from decimal import ROUND_DOWN, Decimal

from feeds import selectors as feeds
from feeds.consensus import MarkPrice
from risk import margin
from risk.margin import Side
from trading.bookkeeping import Booking
from trading.models import Fill, Order, ShadowFill
from trading.models.orders import OPENINGS
from trading.models.traders import Mode
from trading.venues import avantis
from vanta.money import ZERO, quantize_price, quantize_usdc

LARGEST_GAP = Decimal(1000)  # what the column holds
GAP_QUANTUM = Decimal("0.00000001")


def write(bookings: Sequence[Booking]) -> None:
    """Store the shadow of every LIVE fill that was just booked, in the caller's transaction."""
    live = [booking for booking in bookings if booking.order.mode == Mode.LIVE and not booking.order.rests]
    if not live:
        return
    marks = feeds.mark_prices(sorted({booking.order.market.symbol for booking in live}))
    fills = {fill.order_id: fill for fill in Fill.objects.filter(order__in=[booking.order for booking in live])}
    rows = []
    for booking in live:
        mark = marks[booking.order.market.symbol]
        if isinstance(mark, MarkPrice):
            rows.append(_shadow(booking, fills[booking.order.pk], mark.price))
    ShadowFill.objects.bulk_create(rows)


def _shadow(booking: Booking, fill: Fill, mark: Decimal) -> ShadowFill:
    order, market, side = booking.order, booking.order.market, Side(booking.order.side)
    is_opening = order.kind in OPENINGS
    price = quantize_price(
        margin.fill_price_with_spread(side=side, price=mark, spread_rate=market.spread_rate, opening=is_opening)
    )
    worse = side.sign * (fill.price - price) * (1 if is_opening else -1)
    gap = max(min(worse / price, LARGEST_GAP), -LARGEST_GAP).quantize(GAP_QUANTUM)
    shadow = ShadowFill(fill=fill, mark=quantize_price(mark), price=price, gap_rate=gap)
    if is_opening:
        notional = order.collateral_usd * order.leverage
        shadow.fee_usd = quantize_usdc(notional * market.open_fee_rate, rounding=ROUND_DOWN)
        if order.kind == Order.Kind.OPEN:
            shadow.liquidation_price = avantis.liquidation_price(
                side=side, entry_price=price, collateral_usd=order.collateral_usd, leverage=order.leverage
            )
        return shadow
    pnl = avantis.close_pnl(
        market=market,
        side=side,
        entry_price=booking.position.entry_price,
        exit_price=price,
        collateral_usd=booking.collateral_usd,
        leverage=order.leverage,
        accrued_usd=ZERO,
    )
    shadow.fee_usd = pnl.fee_usd
    shadow.payout_usd = max(ZERO, booking.collateral_usd + pnl.net_usd)
    return shadow
