"""What the venue may still take from a trader's wallet, from what was last read of it."""

from decimal import Decimal

from django.db.models import F, Sum

from trading.models import Delegate, Fill, Order, Placement
from trading.models.delegates import UNLIMITED_USD
from trading.models.orders import OPENINGS, K
from trading.models.traders import Mode
from trading.order_state import OrderState
from vanta.money import ZERO


def allowance_left(delegate: Delegate) -> Decimal | None:
    """The lower of what venue and chain said, less what was put in since; what pending openings will take is in it.

    None where it was never read.
    """
    allowed = delegate.allowance_usd
    if allowed is None or delegate.funds_read_at is None:
        return None
    if delegate.chain_allowance_usd is not None and delegate.chain_read_at == delegate.funds_read_at:
        allowed = min(allowed, delegate.chain_allowance_usd)
    if allowed >= UNLIMITED_USD:
        return allowed
    opened = Fill.objects.filter(
        order__trader=delegate.trader_id,
        order__mode=Mode.LIVE,
        order__kind__in=OPENINGS,
        order__ended_at__gt=delegate.funds_read_at,
    )
    taken = opened.aggregate(taken=Sum(F("collateral_usd") + F("fee_usd")))["taken"] or ZERO
    added = Order.objects.filter(
        trader=delegate.trader_id,
        mode=Mode.LIVE,
        kind=K.ADD_MARGIN,
        state=OrderState.FILLED,
        ended_at__gt=delegate.funds_read_at,
    )
    taken += added.aggregate(taken=Sum("collateral_usd"))["taken"] or ZERO
    placed = Placement.objects.filter(
        order__trader=delegate.trader_id, order__mode=Mode.LIVE, placed_at__gt=delegate.funds_read_at
    )  # of one that was filled since, the fill is counted
    held = placed.exclude(order__state=OrderState.FILLED)
    taken += held.aggregate(taken=Sum("escrow_usd"))["taken"] or ZERO
    return max(allowed - taken, ZERO)
