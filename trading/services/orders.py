"""What a trader can do with openings: draft, cancel; each decision a transaction on their locked row."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

import structlog
from django.conf import settings
from django.db import transaction

from feeds.models import Market
from risk import execution_mode, trading_state
from risk.execution_mode import ExecutionMode
from risk.margin import Side
from trading import outbox, valuation
from trading.errors import DraftGone, OrderNotFound
from trading.history import record_draft, transition, transition_all
from trading.models import Order, Trader
from trading.models.traders import Mode
from trading.order_state import OrderState
from trading.risk_inputs import Desk
from trading.services import admission, days, decisions, placing
from trading.transactions import joined
from trading.venues.registry import EXECUTABLE_MODES
from vanta import clock, tracing

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a wish came from: the chat to answer in, and the update that makes it unique."""

    chat_id: int | None = None
    update_id: int | None = None
    message_id: int | None = None


@dataclass(frozen=True, slots=True)
class OpeningWish:
    """An opening as the trader typed it; stop and take-profit already prices. One with a limit price waits for it."""

    market: Market
    side: Side
    collateral_usd: Decimal
    leverage: Decimal
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    order_type: Order.Type = Order.Type.MARKET
    limit_price: Decimal | None = None


@joined
def draft_opening(*, trader: Trader, wish: OpeningWish, quoted_price: Decimal, origin: Origin) -> Order:
    """A draft to confirm; or, where the checks already refuse it, a denied order that says why."""
    order = Order(
        trader=trader,
        market=wish.market,
        mode=opening_mode(trader),
        kind=Order.Kind.OPEN,
        side=wish.side,
        collateral_usd=wish.collateral_usd,
        leverage=wish.leverage,
        stop_loss=wish.stop_loss,
        take_profit=wish.take_profit,
        order_type=wish.order_type,
        limit_price=wish.limit_price,
        quoted_price=quoted_price,
        trace_id=tracing.current_trace_id(),
        chat_id=origin.chat_id,
        update_id=origin.update_id,
        valid_until=clock.now() + dt.timedelta(seconds=settings.DRAFT_VALID_S),
    )
    order.worst_loss_usd = valuation.opening_worst_loss(order, quoted_price)
    return propose(order)


def propose(order: Order) -> Order:
    """Store a new opening or increase as a draft, or as a denied order where the checks already refuse it."""
    weighed = decisions.weigh_opening(order, Desk.read([order]), trading_state.current(), is_draft=True)
    if order.kind == Order.Kind.INCREASE:
        order.worst_loss_usd = weighed.worst_loss_usd
    decision = weighed.decided(admission.preview(weighed))
    order.decision = decisions.as_json(decision, weighed.mark, weighed.case.limits)
    order.save()
    record_draft(order)
    if weighed.obstacle:
        placing.deny(order, [weighed.obstacle])
    elif not decision.approved:
        placing.deny(order, decision.codes)
        days.lock_if_reached(order)
    return order


def opening_mode(trader: Trader) -> str:
    """LIVE only where the system and the trader both are, and a venue executes it; else DRY."""
    is_live = execution_mode.current() == ExecutionMode.LIVE and trader.execution_mode == Mode.LIVE
    return Mode.LIVE if is_live and Mode.LIVE in EXECUTABLE_MODES else Mode.DRY


@joined
def expire_overtaken(*, trader: Trader, order_id: int, market: Market | None) -> Order | None:
    """End a draft in `market` (None: in any) because a closing overtook its confirmation; None where there is none."""
    try:
        order = _lock_order(trader, order_id)
    except OrderNotFound:
        return None
    is_meant = order.state == OrderState.DRAFT and market in (None, order.market)
    return order if is_meant and transition(order, OrderState.EXPIRED, reason="overtaken_by_close") else None


@joined
def cancel(*, trader: Trader, order_id: int, message_id: int | None = None) -> Order:
    """Withdraw a draft, or an approved order that has not left yet. Raises OrderNotFound or DraftGone."""
    order = _lock_order(trader, order_id)
    if order.state not in (OrderState.DRAFT, OrderState.APPROVED):
        raise DraftGone(order.state, order.pk)
    if not transition(order, OrderState.CANCELED, reason="canceled_by_trader"):
        raise DraftGone(order.state, order.pk)
    order.card_message_id = message_id or order.card_message_id
    return order


def expire_drafts() -> int:
    """End drafts whose time is over and tell their chats."""
    with transaction.atomic():
        drafts = list(
            Order.objects.filter(state=OrderState.DRAFT, valid_until__lt=clock.now())
            .select_for_update(skip_locked=True)
            .order_by("id")[:100]
        )
        expired = transition_all(drafts, OrderState.EXPIRED, reason="draft_expired")
        outbox.owe_order_cards(order for order in expired if order.card_message_id is not None)
    return len(expired)


def _lock_order(trader: Trader, order_id: int) -> Order:
    order = placing.lock_orders([order_id]).get(order_id)
    if order is None or order.trader_id != trader.pk:
        raise OrderNotFound(order_id=order_id)
    return order
