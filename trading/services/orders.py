"""What a trader can do with orders: draft, place, cancel, close; each decision a transaction on their locked row."""

import datetime as dt
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Sum

from feeds.consensus import MarkPrice, NoConsensus
from feeds.models import Market
from risk import execution_mode
from risk.checks import RiskDecision
from risk.execution_mode import ExecutionMode
from risk.margin import Side
from trading import outbox
from trading.errors import DraftGone, NoOpenPosition, OrderNotFound, PricesUnreachable
from trading.history import record_draft, transition, transition_all
from trading.models import Order, Position, Trader
from trading.models.loading import with_market
from trading.models.traders import Mode
from trading.order_state import PENDING, OrderState
from trading.services import decisions
from trading.transactions import joined
from trading.venues.registry import EXECUTABLE_MODES
from vanta import clock, metrics, tracing
from vanta.money import ONE, ZERO, quantize_usdc
from vanta.wake import wake_on_commit

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a wish came from: the chat to answer in, and the update that makes it unique."""

    chat_id: int | None = None
    update_id: int | None = None
    message_id: int | None = None


@dataclass(frozen=True, slots=True)
class OpeningWish:
    """An opening as the trader typed it; stop and take-profit already prices."""

    market: Market
    side: Side
    collateral_usd: Decimal
    leverage: Decimal
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None


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
        quoted_price=quoted_price,
        trace_id=tracing.current_trace_id(),
        chat_id=origin.chat_id,
        update_id=origin.update_id,
        valid_until=clock.now() + dt.timedelta(seconds=settings.DRAFT_VALID_S),
    )
    order.worst_loss_usd = decisions.worst_loss(order, quoted_price)
    decision, mark = decisions.decide_opening(order, trader)
    order.decision = decisions.as_json(decision, mark)
    order.save()
    record_draft(order)
    if not trader.is_active:
        _finish_decision(order, OrderState.DENIED, reason="trader_disabled")
    elif not decision.approved:
        _deny(order, decision)
    return order


def opening_mode(trader: Trader) -> str:
    """LIVE only where the system and the trader both are, and a venue executes it; else DRY."""
    is_live = execution_mode.current() == ExecutionMode.LIVE and trader.execution_mode == Mode.LIVE
    return Mode.LIVE if is_live and Mode.LIVE in EXECUTABLE_MODES else Mode.DRY


@joined
def place(*, trader: Trader, order_id: int, message_id: int | None = None) -> Order:
    """Decide on a draft that its trader confirmed: approved (and on its way) or denied.

    An expired draft ends; one whose price has drifted stays a draft, quoted anew: the answer's state says which.
    Raises OrderNotFound, DraftGone where it was confirmed, canceled or expired before, and PricesUnreachable.
    """
    started = clock.monotonic()
    order = _lock_order(trader, order_id)
    if order.state != OrderState.DRAFT:
        raise DraftGone(order.state, order.pk)
    order.card_message_id = message_id or order.card_message_id
    order.trace_id = tracing.current_trace_id() or order.trace_id
    if clock.now() > order.valid_until:
        transition(order, OrderState.EXPIRED, reason="draft_expired", card_message_id=order.card_message_id)
        return order
    decision, mark = decisions.decide_opening(order, order.trader)
    if isinstance(mark, NoConsensus) and mark.reason == "no_quotes":
        raise PricesUnreachable(order_id=order.pk)
    if isinstance(mark, MarkPrice) and has_drifted(order, mark.price):
        _quote_anew(order, mark.price)
        return order
    if isinstance(mark, MarkPrice):
        order.quoted_price = mark.price  # slippage counts from the price that the decision was made on
    order.decision = decisions.as_json(decision, mark)
    metrics.decision_seconds.observe(clock.monotonic() - started)
    if not order.trader.is_active:
        _finish_decision(order, OrderState.DENIED, reason="trader_disabled")
    elif decision.approved:
        _approve(order)
    else:
        _deny(order, decision)
    return order


def has_drifted(order: Order, price: Decimal) -> bool:
    """Whether the price has left the band around the preview's price in which a confirmation counts."""
    return abs(price - order.quoted_price) > order.quoted_price * settings.DRAFT_MAX_DRIFT_PCT


def _quote_anew(order: Order, price: Decimal) -> None:
    order.quoted_price = price
    order.valid_until = clock.now() + dt.timedelta(seconds=settings.DRAFT_VALID_S)
    order.worst_loss_usd = decisions.worst_loss(order, price)
    order.save(update_fields=["quoted_price", "valid_until", "worst_loss_usd", "card_message_id"])
    log.info("draft_quoted_anew", order_id=order.pk, price=price)


def _approve(order: Order) -> None:
    _finish_decision(order, OrderState.APPROVED)
    log.info("order_approved", order_id=order.pk)
    wake_on_commit("orders")


def _deny(order: Order, decision: RiskDecision) -> None:
    _finish_decision(order, OrderState.DENIED, reason=",".join(decision.codes)[:200])
    for code in decision.codes:
        metrics.denials.labels(code).inc()
    log.info("order_denied", order_id=order.pk, codes=decision.codes)


def _finish_decision(order: Order, state: OrderState, reason: str = "") -> None:
    now = clock.now()
    changes: dict[str, Any] = {
        "card_message_id": order.card_message_id,
        "trace_id": order.trace_id,
        "decided_at": now,
        "decision": order.decision,
        "quoted_price": order.quoted_price,
    }
    if reason:
        changes["reason"] = reason
    transition(order, state, {"codes": reason.split(",")} if reason else None, next_check_at=now, **changes)


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


@joined
def close(
    *, trader: Trader, positions: list[Position], share: Decimal, origin: Origin, reason: str = ""
) -> list[Order]:
    """Approve closing `share` (0 < share ≤ 1) of each position at once; denied only by a halt or a closed market.

    What other closings already take out is left out. Raises NoOpenPosition where nothing is left to close.
    """
    Trader.objects.select_for_update(of=("self",)).get(pk=trader.pk)
    orders = [
        order for position in positions if (order := _close_one(trader, position.pk, share, origin, reason)) is not None
    ]
    if not orders:
        raise NoOpenPosition(trader_id=trader.pk)
    return orders


def _close_one(trader: Trader, position_id: int, share: Decimal, origin: Origin, reason: str) -> Order | None:
    position = (
        with_market(Position.objects.all()).filter(pk=position_id, trader=trader, status=Position.Status.OPEN).first()
    )
    if position is None:
        return None
    left = position.collateral_usd - _being_closed(position)
    wanted = quantize_usdc(position.collateral_usd * min(share, ONE), rounding=ROUND_DOWN)
    collateral = min(wanted, left)
    if collateral <= ZERO:
        return None
    order = Order.objects.create(
        trader=trader,
        market=position.market,
        position=position,
        mode=position.mode,
        kind=Order.Kind.CLOSE,
        side=position.side,
        collateral_usd=collateral,
        leverage=position.leverage,
        quoted_price=position.entry_price,
        reason=reason,
        trace_id=tracing.current_trace_id(),
        chat_id=origin.chat_id,
        card_message_id=origin.message_id,
        valid_until=clock.now() + dt.timedelta(seconds=settings.DRAFT_VALID_S),
    )
    record_draft(order)
    decision = decisions.decide_reduction(position.market, Side(position.side))
    order.decision = decisions.as_json(decision)
    if decision.approved:
        _approve(order)
    else:
        _deny(order, decision)
    return order


def _being_closed(position: Position) -> Decimal:
    taken = Order.objects.filter(position=position, kind=Order.Kind.CLOSE, state__in=PENDING).aggregate(
        total=Sum("collateral_usd")
    )["total"]
    return taken or ZERO


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
    """The order and its trader's row, locked together: decisions on one trader's orders are made one at a time."""
    order = (
        with_market(Order.objects.all(), "trader__policy")
        .select_for_update(of=("self", "trader"))
        .filter(pk=order_id, trader=trader)
        .first()
    )
    if order is None:
        raise OrderNotFound(order_id=order_id)
    return order
