"""Taking back what rests at the venue: by its trader, or because it may not be executed any more."""

import datetime as dt

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from feeds.models import Market
from risk import execution_mode, trading_state
from risk.execution_mode import ExecutionMode
from risk.rules.live import LEAST_DELEGATE_HOURS
from risk.trading_state import TradingState
from trading.errors import DraftGone, OrderNotFound
from trading.history import record_draft
from trading.models import Delegate, Order, Trader
from trading.models.loading import lock_traders, with_market
from trading.models.orders import K
from trading.models.traders import TRADER_MAY_OPEN, Mode
from trading.order_state import PENDING, OrderState
from trading.outbox import BY_TRADER
from trading.services import orders, placing
from trading.services.orders import Origin
from trading.transactions import joined
from vanta import clock, tracing

log = structlog.get_logger(__name__)
TURN = dt.timedelta(milliseconds=500)
AGAIN_AFTER = dt.timedelta(seconds=10)  # a cancel that came to nothing is not ordered again each second


@joined
def take_back(*, trader: Trader, order_id: int, origin: Origin) -> Order:
    """Withdraw an order that has not left yet, or order the cancel of one that rests; the order that is meant.

    It is CANCELED then, or still RESTING until its cancel is done. Raises OrderNotFound, DraftGone.
    """
    try:
        return orders.cancel(trader=trader, order_id=order_id, message_id=origin.message_id)
    except DraftGone as gone:
        if gone.state != OrderState.RESTING:
            raise
    return _target_of(cancel_resting(trader=trader, order_id=order_id, origin=origin))


@joined
def take_back_all(*, trader: Trader, origin: Origin, market: Market | None = None) -> list[Order]:
    """Order the cancel of all that a trader has resting, in one market or anywhere; what is to be canceled."""
    lock_traders([trader.pk])
    resting = Order.objects.filter(trader=trader, state=OrderState.RESTING)
    if market is not None:
        resting = resting.filter(market=market)
    ids = list(resting.order_by("pk").values_list("pk", flat=True))
    return [_target_of(cancel_resting(trader=trader, order_id=each, origin=origin)) for each in ids]


def _target_of(cancel: Order) -> Order:
    return with_market(Order.objects.filter(cancels_of=cancel), "trader").get()


@joined
def cancel_resting(*, trader: Trader, order_id: int, origin: Origin, reason: str = BY_TRADER) -> Order:
    """Order that a resting order be taken back: a cancel that is APPROVED and on its way, or the one that already is.

    No limit and no trading state denies it. Raises OrderNotFound, and DraftGone where the order does not rest.
    """
    lock_traders([trader.pk])
    target = with_market(Order.objects.filter(pk=order_id, trader=trader), "trader").select_for_update(of=("self",))
    order = target.first()
    if order is None:
        raise OrderNotFound(order_id=order_id)
    if order.state != OrderState.RESTING:
        raise DraftGone(order.state, order.pk)
    under_way = Order.objects.filter(cancels=order, state__in=PENDING).first()
    return under_way or _order(order, origin, reason)


def cancel_unwanted() -> int:
    """Order the cancel of resting openings that may not be executed now; how many were ordered.

    In any state but ACTIVE that is all of them; else those of traders who may not open, and LIVE ones that are LIVE no
    more, or whose delegate ends so soon that nobody could take them back then. Real money first, and for one TURN:
    whoever calls has closings to look for as well, and comes again.
    """
    turn_ends, ordered = clock.monotonic() + TURN.total_seconds(), 0
    for order_id, trader_id in _unwanted().order_by("-mode", "pk").values_list("pk", "trader_id"):
        ordered += _cancel_apart(order_id, trader_id)
        if clock.monotonic() > turn_ends:
            break
    if ordered:
        log.warning("resting_orders_unwanted", orders=ordered)
    return ordered


def _cancel_apart(order_id: int, trader_id: int) -> bool:
    try:
        return _cancel_if_unwanted(order_id, trader_id)
    except (OperationalError, InterfaceError):
        raise  # the database went away
    except Exception:
        log.exception("cancel_failed", order_id=order_id)  # it stops only itself; the next look tries again
        return False


@transaction.atomic
def _cancel_if_unwanted(order_id: int, trader_id: int) -> bool:
    lock_traders([trader_id])
    order = _unwanted().filter(pk=order_id).select_for_update(of=("self",)).first()
    if order is None:
        return False
    with tracing.bind_trace("", order_id=order_id):
        _order(order, Origin(chat_id=order.chat_id), _why(order))
    return True


def _unwanted() -> QuerySet[Order]:
    is_tried = Q(state__in=PENDING) | Q(ended_at__gt=clock.now() - AGAIN_AFTER)
    being_canceled = Order.objects.filter(is_tried, cancels=OuterRef("pk"))
    resting = with_market(Order.objects.filter(state=OrderState.RESTING), "trader").exclude(Exists(being_canceled))
    if trading_state.current() != TradingState.ACTIVE:
        return resting
    is_unwanted = ~TRADER_MAY_OPEN | Q(mode=Mode.LIVE) & ~Q(trader__execution_mode=Mode.LIVE)
    if execution_mode.current() != ExecutionMode.LIVE:
        is_unwanted |= Q(mode=Mode.LIVE)
    return resting.filter(is_unwanted | Q(Exists(_ending_delegates()), mode=Mode.LIVE))


def _ending_delegates() -> QuerySet[Delegate]:
    """Of an order's trader; what has less than this left opens nothing new either."""
    soon = clock.now() + dt.timedelta(hours=int(LEAST_DELEGATE_HOURS))
    return Delegate.objects.filter(
        trader=OuterRef("trader"), status=Delegate.Status.ACTIVE, expires_at__gt=clock.now(), expires_at__lt=soon
    )


def _why(order: Order) -> str:
    state = trading_state.current()
    if state != TradingState.ACTIVE:
        return f"trading_{state.value}"
    if order.trader.blocked_by:
        return order.trader.blocked_by
    is_live = execution_mode.current() == ExecutionMode.LIVE and order.trader.execution_mode == Mode.LIVE
    return "delegate_expires_soon" if is_live else "live_switched_off"


def _order(target: Order, origin: Origin, reason: str) -> Order:
    cancel = Order.objects.create(
        trader=target.trader,
        market=target.market,
        mode=target.mode,
        kind=K.CANCEL,
        cancels=target,
        side=target.side,
        collateral_usd=target.collateral_usd,
        leverage=target.leverage,
        quoted_price=target.quoted_price,
        reason=reason,
        trace_id=tracing.current_trace_id(),
        update_id=origin.update_id,
        chat_id=origin.chat_id,
        valid_until=clock.now() + dt.timedelta(seconds=settings.DRAFT_VALID_S),
    )
    record_draft(cancel)
    placing.approve(cancel)
    return cancel
