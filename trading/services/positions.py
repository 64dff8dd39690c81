"""What a trader can do with positions: close them, in whole or in part; a transaction on the trader's locked row."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal

from django.conf import settings
from django.db.models import Sum

from feeds.models import Market
from risk.margin import Side
from trading import outbox
from trading.errors import NoOpenPosition, PositionChanged
from trading.evaluation import LIQUIDATION, Evaluated
from trading.history import record_draft, transition_all
from trading.models import Order, Position, Trader
from trading.models.loading import lock_traders, with_market
from trading.models.orders import MARGIN, OPENINGS
from trading.order_state import IN_FLIGHT, PENDING, OrderState
from trading.selectors import closings_of
from trading.services import decisions, placing
from trading.services.orders import Origin
from trading.transactions import joined
from vanta import clock, tracing
from vanta.money import ONE, USDC_QUANTUM, ZERO, quantize_usdc


@dataclass(frozen=True, slots=True)
class Unopened:
    """What closing found under way to become a position: stopped before it left, or too late to be stopped."""

    canceled: Sequence[Order]
    on_their_way: Sequence[Order]


@joined
def close(
    *,
    trader: Trader,
    positions: Sequence[Position],
    share: Decimal,
    origin: Origin,
    reason: str = "",
    seen_closings: int | None = None,
    evaluated: Evaluated | None = None,
) -> list[Order]:
    """Approve closing `share` (0 < share ≤ 1) of each position at once; denied only by a halt or a closed market.

    What other closings already take out is left out. `seen_closings` is how many closings the card that was tapped
    knew of: a second tap on it means the position as it was then. Raises PositionChanged where there are more by now,
    and NoOpenPosition where nothing is left to close. Only the guardian passes `evaluated`: a price in the past that a
    DRY position is closed at.
    """
    lock_traders([trader.pk])
    orders = []
    for position in positions:
        if seen_closings is not None and closings_of(position) != seen_closings:
            raise PositionChanged(position_id=position.pk)
        order = _close_one(trader, position.pk, share, origin, reason, evaluated)
        if order is not None:
            orders.append(order)
    if not orders:
        raise NoOpenPosition(trader_id=trader.pk)
    return orders


@joined
def stop_unopened(*, trader: Trader, market: Market | None, reason: str = "canceled_by_close") -> Unopened:
    """Cancel the trader's openings and increases in a market (None: all) that are approved and have not left yet.

    Whoever closes everything does not expect a position a moment later.
    """
    lock_traders([trader.pk])
    openings = Order.objects.filter(trader=trader, kind__in=OPENINGS)
    if market is not None:
        openings = openings.filter(market=market)
    waiting = list(with_market(openings).filter(state=OrderState.APPROVED).select_for_update(of=("self",)))
    canceled = transition_all(waiting, OrderState.CANCELED, reason=reason)
    return Unopened(canceled, list(with_market(openings).filter(state__in=IN_FLIGHT)))


def _close_one(
    trader: Trader, position_id: int, share: Decimal, origin: Origin, reason: str, evaluated: Evaluated | None
) -> Order | None:
    position = (
        with_market(Position.objects.all()).filter(pk=position_id, trader=trader, status=Position.Status.OPEN).first()
    )
    if position is None:
        return None
    _stop_margin(position)
    left = position.collateral_usd - _being_closed(position)
    wanted = max(quantize_usdc(position.collateral_usd * min(share, ONE), rounding=ROUND_DOWN), USDC_QUANTUM)
    collateral = min(wanted, left)
    if collateral <= ZERO or (evaluated is None and reason == LIQUIDATION and _is_being_increased(position)):
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
        evaluated_price=evaluated.price if evaluated else None,
        evaluated_at=evaluated.at if evaluated else None,
        trace_id=tracing.current_trace_id(),
        update_id=origin.update_id,
        chat_id=origin.chat_id,
        card_message_id=origin.message_id,
        valid_until=clock.now() + dt.timedelta(seconds=settings.DRAFT_VALID_S),
    )
    record_draft(order)
    decision = decisions.decide_reduction(position.market, Side(position.side))
    order.decision = decisions.as_json(decision)
    if not decision.approved:
        placing.deny(order, decision.codes)
        return order
    placing.approve(order)
    if collateral == left:
        _withdraw_increases(position)
    return order


def _stop_margin(position: Position) -> None:
    """A closing is priced for the margin that is there: what has not left yet is not moved any more."""
    moves = Order.objects.filter(position=position, kind__in=MARGIN, state=OrderState.APPROVED)
    stopped = transition_all(list(moves.select_for_update()), OrderState.CANCELED, reason="overtaken_by_closing")
    outbox.owe_order_cards(stopped)


def _withdraw_increases(position: Position) -> None:
    """What is closed whole is not added to: increases that have not left are canceled."""
    approved = Order.objects.filter(position=position, kind=Order.Kind.INCREASE, state=OrderState.APPROVED)
    waiting = list(with_market(approved).select_for_update(of=("self",)))
    outbox.owe_order_cards(transition_all(waiting, OrderState.CANCELED, reason="canceled_by_close"))


def _is_being_increased(position: Position) -> bool:
    """Whether its liquidation price is about to move away: then what a mark has crossed is looked at again."""
    return Order.objects.filter(position=position, kind=Order.Kind.INCREASE, state__in=IN_FLIGHT).exists()


def _being_closed(position: Position) -> Decimal:
    taken = Order.objects.filter(position=position, kind=Order.Kind.CLOSE, state__in=PENDING).aggregate(
        total=Sum("collateral_usd")
    )["total"]
    return taken or ZERO
