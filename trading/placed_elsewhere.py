"""Bringing the books to the orders that rest in a wallet: those that were placed or changed outside Vanta.

What rests in the books and is gone at the venue is left to its own look (`reconciliation.follow`): until that has found
what became of it, nothing of its wallet is booked.
"""

import datetime as dt
from collections.abc import Sequence

from django.db.models import QuerySet

from feeds.models import Market
from trading import alarms, elsewhere
from trading.errors import TradingError
from trading.models import Order, Placement, Trader
from trading.order_state import OrderState
from trading.venues.avantis import attribution
from trading.venues.avantis.trades import AtVenue, VenueLimit
from vanta import clock

BEHIND = dt.timedelta(minutes=2)  # that the venue may be, with an order that has ended


class BooksDisputed(TradingError):
    """The venue's account of a wallet cannot be brought together with ours."""

    code = "books_disputed"


def is_open_question(trader: Trader, told: AtVenue) -> bool:
    """Whether the venue does not show what rests in the books, or still shows what has just ended there."""
    if told.limits is None:
        return bool(attribution.resting(trader.pk))
    if attribution.gone(trader.pk, told):
        return True
    return any(_has_just_ended(trader, row) for row in _unknown(trader, told.limits))


def bring_together(trader: Trader, told: AtVenue) -> None:
    """Adopt what nobody knows, and follow what was changed. Raises BooksDisputed."""
    limits = told.limits or ()
    for row in _unknown(trader, limits):
        market = Market.objects.filter(pair_index=row.pair_index).defer("venue_params").first()
        if market is None:
            raise BooksDisputed(pair_index=row.pair_index)
        order = elsewhere.book_resting(trader, market, row, told.asked_at)
        if row.order_id and _ended(trader, row).exists():
            detail = "ended in our books, resting at the venue"
            alarms.raise_alarm(alarms.Kind.BOOKS, f"order {order.pk}", detail)
    for order in attribution.resting(trader.pk):
        for row in limits:
            if attribution.is_shown(order, order.placement, row):
                _follow(order, row)


def _follow(order: Order, row: VenueLimit) -> None:
    """The venue offers no change of collateral or leverage: where they differ, somebody is wrong."""
    if (row.collateral_usd, row.leverage) != (order.placement.escrow_usd, order.leverage):
        raise BooksDisputed(order_id=order.pk)
    elsewhere.follow_resting(order, row)


def _unknown(trader: Trader, limits: Sequence[VenueLimit]) -> list[VenueLimit]:
    known = attribution.resting(trader.pk)
    return [row for row in limits if not any(attribution.is_shown(order, order.placement, row) for order in known)]


def _has_just_ended(trader: Trader, row: VenueLimit) -> bool:
    return any(
        attribution.is_shown(placement.order, placement, row)
        for placement in _ended(trader, row).filter(order__ended_at__gte=clock.now() - BEHIND)
    )


def _ended(trader: Trader, row: VenueLimit) -> QuerySet[Placement]:
    ended = Placement.objects.filter(order__trader=trader, order__market__pair_index=row.pair_index)
    named = ended.filter(venue_order_id=row.order_id) if row.order_id else ended.filter(venue_index=row.index)
    return named.exclude(order__state=OrderState.RESTING).select_related("order__market")
