"""What every change of an open position begins and ends with: the order on the locked row, and its decision."""

import datetime as dt
from decimal import Decimal

from django.conf import settings

from risk.checks import RiskDecision
from trading.errors import NoOpenPosition
from trading.history import record_draft
from trading.models import Order, Position, Trader
from trading.models.loading import lock_traders, with_market
from trading.services import decisions, placing
from trading.services.orders import Origin
from vanta import clock, tracing


def lock_open(trader: Trader, position_id: int) -> Position:
    """The trader's open position, both rows locked for the caller's transaction. Raises NoOpenPosition."""
    lock_traders([trader.pk])
    held = Position.objects.filter(pk=position_id, trader=trader, status=Position.Status.OPEN)
    position = with_market(held).select_for_update(of=("self",)).first()
    if position is None:
        raise NoOpenPosition(trader_id=trader.pk)
    return position


def draft(
    position: Position,
    kind: Order.Kind,
    *,
    origin: Origin,
    collateral_usd: Decimal | None = None,
    stop_loss: Decimal | None = None,
    take_profit: Decimal | None = None,
    loosens: bool = False,
) -> Order:
    """A stored order for a position, in its mode. Without `collateral_usd` it is about all of the position."""
    order = Order.objects.create(
        trader=position.trader,
        market=position.market,
        position=position,
        mode=position.mode,
        kind=kind,
        side=position.side,
        collateral_usd=position.collateral_usd if collateral_usd is None else collateral_usd,
        leverage=max(position.leverage, Decimal(1)),
        stop_loss=stop_loss,
        take_profit=take_profit,
        loosens=loosens,
        quoted_price=position.entry_price,
        trace_id=tracing.current_trace_id(),
        update_id=origin.update_id,
        chat_id=origin.chat_id,
        card_message_id=origin.message_id,
        valid_until=clock.now() + dt.timedelta(seconds=settings.DRAFT_VALID_S),
    )
    record_draft(order)
    return order


def conclude(order: Order, decision: RiskDecision) -> Order:
    """Let it out, or refuse it with every reason."""
    order.decision = decisions.as_json(decision)
    if decision.approved:
        placing.approve(order)
    else:
        placing.deny(order, decision.codes)
    return order
