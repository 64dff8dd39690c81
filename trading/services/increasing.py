"""Adding to an open position: a draft like an opening's, in the position's mode, judged by the position it leaves."""

import datetime as dt
from decimal import Decimal

from django.conf import settings

from trading import increases
from trading.models import Order, Trader
from trading.services import changing, orders
from trading.services.orders import Origin
from trading.transactions import joined
from vanta import clock, tracing


@joined
def draft_increase(
    *,
    trader: Trader,
    position_id: int,
    collateral_usd: Decimal,
    leverage: Decimal | None,
    quoted_price: Decimal,
    origin: Origin,
) -> Order:
    """A draft to confirm, or a denied order that says why. Without `leverage` it is the position's.

    Raises NoOpenPosition.
    """
    position = changing.lock_open(trader, position_id)
    order = Order(
        trader=trader,
        market=position.market,
        position=position,
        mode=position.mode,
        kind=Order.Kind.INCREASE,
        side=position.side,
        collateral_usd=collateral_usd,
        leverage=increases.usual_leverage(position) if leverage is None else leverage,
        stop_loss=position.stop_loss,
        take_profit=position.take_profit,
        quoted_price=quoted_price,
        worst_loss_usd=collateral_usd,
        trace_id=tracing.current_trace_id(),
        chat_id=origin.chat_id,
        update_id=origin.update_id,
        valid_until=clock.now() + dt.timedelta(seconds=settings.DRAFT_VALID_S),
    )
    return orders.propose(order)
