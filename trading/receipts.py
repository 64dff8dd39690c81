"""Owing a look at the chain for every LIVE fill whose transaction the venue names, in the fill's own transaction."""

import datetime as dt
from collections.abc import Sequence

from trading.bookkeeping import Booking
from trading.models import Fill, Receipt
from trading.models.traders import Mode
from vanta import clock

FIRST_LOOK = dt.timedelta(seconds=5)  # two blocks later, so that the first look usually is the last
LONGEST_HASH = 100


def owe(bookings: Sequence[Booking]) -> None:
    """Have the transactions of these fills looked at; those that name none cannot be."""
    named = {
        booking.order.pk: str(booking.filled.detail.get("transaction_hash") or "")[:LONGEST_HASH]
        for booking in bookings
        if booking.order.mode == Mode.LIVE
    }
    orders = [pk for pk, transaction_hash in named.items() if transaction_hash]
    if not orders:
        return
    due = clock.now() + FIRST_LOOK
    Receipt.objects.bulk_create(
        Receipt(fill=fill, transaction_hash=named[fill.order_id], next_check_at=due)
        for fill in Fill.objects.filter(order__in=orders)
    )
