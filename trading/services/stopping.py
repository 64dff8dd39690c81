"""Stopping trading, and letting it go on: the state, the news of it, and what a stop does not catch any more.

The state alone stops: with its commit nothing more is sent. What waits or rests is taken back by whoever looks next
(`execution`, `canceling`), so that a stop takes no locks and waits for nobody.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from risk import trading_state
from risk.models import TradingStateChange
from risk.trading_state import TradingState
from trading import outbox
from trading.models import Order, Position, Trader
from trading.models.loading import with_market
from trading.models.orders import OPENINGS
from trading.order_state import IN_FLIGHT, OrderState
from vanta import clock

RECENTLY = dt.timedelta(days=7)  # whoever has ordered something since is told of maintenance
SHOWN = 10


@dataclass(frozen=True, slots=True)
class Uncaught:
    """What there was when trading was stopped: openings that are taken back, and those that may still be executed."""

    unsent: int
    resting: int
    under_way: int
    shown: Sequence[Order]
    positions: int


def stop(state: TradingState, *, actor: str, reason: str, is_maintenance: bool = False) -> TradingStateChange:
    """Enter a state that lets less through, or stay in the one that holds. Raises ReasonMissing and WouldLoosen.

    Whether `actor` may is the caller's to check: everybody with a role may stop.
    """
    return change_state(state, actor=actor, reason=reason, is_maintenance=is_maintenance, only_stricter=True)


def change_state(
    state: TradingState,
    *,
    actor: str,
    reason: str,
    is_maintenance: bool = False,
    only_stricter: bool = False,
    seen: int | None = None,
) -> TradingStateChange:
    """Set any state and owe the traders the news of maintenance; see `trading_state.change`.

    Maintenance lasts until trading is active again, whatever else was stopped and let through meanwhile.
    """
    with transaction.atomic():
        change = trading_state.change(
            state, actor=actor, reason=reason, is_maintenance=is_maintenance, only_stricter=only_stricter, seen=seen
        )
        was_maintenance = _was_maintenance(change)
        if is_maintenance and not was_maintenance:
            _announce(reason, is_over=False)
        if was_maintenance and state is TradingState.ACTIVE:
            _announce("", is_over=True)
    return change


def _was_maintenance(change: TradingStateChange) -> bool:
    """Whether the traders had been told of maintenance, and not of its end, before this change."""
    before = TradingStateChange.objects.filter(pk__lt=change.pk)
    active = before.filter(state=TradingState.ACTIVE).order_by("-pk").values_list("pk", flat=True).first()
    return before.filter(pk__gt=active or 0, is_maintenance=True).exists()


def uncaught() -> Uncaught:
    """Read without locks: a moment later it is less."""
    openings = Order.objects.filter(kind__in=OPENINGS)
    under_way = openings.filter(state__in=IN_FLIGHT)
    return Uncaught(
        unsent=openings.filter(state=OrderState.APPROVED).count(),
        resting=openings.filter(state=OrderState.RESTING).count(),
        under_way=under_way.count(),
        shown=list(with_market(under_way, "trader").order_by("pk")[:SHOWN]),
        positions=Position.objects.filter(status=Position.Status.OPEN).count(),
    )


def _announce(reason: str, *, is_over: bool) -> None:
    """To everybody who has something open, or ordered something lately."""
    since = clock.now() - RECENTLY
    orders = Order.objects.filter(trader=OuterRef("pk"), created_at__gt=since)
    held = Position.objects.filter(trader=OuterRef("pk"), status=Position.Status.OPEN)
    active = Trader.objects.filter(Q(Exists(orders)) | Q(Exists(held)), is_active=True)
    with outbox.together():
        for chat_id in active.order_by("pk").values_list("chat_id", flat=True):
            outbox.owe(chat_id, outbox.MAINTENANCE_NEWS, {"reason": reason, "is_over": is_over})
