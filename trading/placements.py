"""Booking what rests at the venue: what it holds for an order, and giving it back, in the caller's transaction.

The venue takes a resting order's collateral when it is placed. It is neither free nor in a position then: the ledger
keeps it in an account of its own, until the fill takes it or the cancel gives it back.
"""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

from trading import balances
from trading.models import Order, Placement
from trading.order_state import OrderState
from trading.venues.base import Resting


def book(orders: Sequence[Order], outcomes: Mapping[int, Resting], *, is_adopted: bool = False) -> None:
    """Write down the places of orders that have begun to rest, and take what is held for them."""
    for order in orders:
        resting = outcomes[order.pk]
        Placement.objects.create(
            order=order,
            escrow_usd=resting.escrow_usd,
            venue_index=resting.index,
            venue_order_id=resting.venue_order_id,
            is_adopted=is_adopted,
            placed_at=resting.placed_at,
            seen_at=resting.seen_at or resting.placed_at,
        )
        balances.book_escrow(order, resting.escrow_usd, reference=f"escrow:{order.pk}")


def saw(order_ids: Collection[int], outcomes: Mapping[int, Resting]) -> None:
    """These rested still when the venue was asked: whoever books that may have been paused in between."""
    for order_id in order_ids:
        seen_at = outcomes[order_id].seen_at
        Placement.objects.filter(order=order_id, seen_at__lt=seen_at).update(seen_at=seen_at)


def release(orders: Sequence[Order]) -> None:
    """Give back what was held for orders that have been canceled."""
    for order_id, escrow_usd in held_for(orders).items():
        order = next(each for each in orders if each.pk == order_id)
        balances.book_escrow(order, -escrow_usd, reference=f"release:{order_id}")


def held_for(orders: Sequence[Order]) -> dict[int, Decimal]:
    """What the venue holds, or held until it has just ended, by order id; orders that never rested are left out."""
    resting = [order.pk for order in orders if order.rests]
    if not resting:
        return {}
    return dict(Placement.objects.filter(order__in=resting).values_list("order_id", "escrow_usd"))


def resting_target(cancel: Order) -> Order | None:
    """The order that a cancel is about, locked, while it rests."""
    resting = Order.objects.filter(cancels_of=cancel, state=OrderState.RESTING)
    return resting.select_related("market").select_for_update(of=("self",)).first()
