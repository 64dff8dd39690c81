"""Holding prices against the orders that rest on paper: what a mark has reached is filled there and booked, at once.

DRY only: LIVE orders are filled by the venue. What a price reached while nobody looked is not made up for: an order is
filled when a mark is seen at its price.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction

from feeds import selectors as feeds
from feeds.consensus import MarkPrice
from risk import trading_state
from risk.trading_state import TradingState
from trading import triggers
from trading.errors import FillNotBooked
from trading.models import Order
from trading.models.loading import lock_traders, with_market
from trading.models.traders import TRADER_MAY_OPEN, Mode
from trading.order_state import OrderState
from trading.settlement import settle
from trading.venues import paper, paper_resting
from vanta import clock

log = structlog.get_logger(__name__)
BATCH = 25
Prices = Mapping[int, Decimal]  # marks by market id


def fill_reached() -> int:
    """Look once at every market that anybody waits in; how many orders were filled. Only while trading is ACTIVE."""
    if trading_state.current() is not TradingState.ACTIVE:
        return 0
    markets = [market for market in triggers.waited_in() if market.is_open_at(clock.now())]
    marks = feeds.mark_prices([market.symbol for market in markets]) if markets else {}
    prices = {market.pk: mark.price for market in markets if isinstance(mark := marks[market.symbol], MarkPrice)}
    found = triggers.reached(prices, settings.MAX_SLIPPAGE_PCT)
    return sum(_fill(found[begin : begin + BATCH], prices) for begin in range(0, len(found), BATCH))


def _fill(order_ids: Sequence[int], prices: Prices) -> int:
    """Some together; where one breaks, each apart, so that it stops only itself."""
    try:
        return _fill_together(order_ids, prices)
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        if len(order_ids) == 1:
            log.exception("limit_fill_failed", order_id=order_ids[0])
            return 0
        return sum(_fill([order_id], prices) for order_id in order_ids)


@transaction.atomic
def _fill_together(order_ids: Sequence[int], prices: Prices) -> int:
    """The venue's fills and their bookings, all of them or none: nobody would look for one without the other.

    What was taken back, disabled or halted since it was found is left alone.
    """
    orders = Order.objects.filter(pk__in=order_ids, state=OrderState.RESTING, mode=Mode.DRY)
    lock_traders(orders.values_list("trader_id", flat=True))
    if trading_state.current() is not TradingState.ACTIVE:
        return 0
    enabled = with_market(orders.filter(TRADER_MAY_OPEN), "trader", "placement")
    waiting = {order.pk: order for order in enabled.select_for_update(of=("self",)).order_by("pk")}
    at_marks = ((pk, paper.fill_resting(order, prices[order.market_id])) for pk, order in waiting.items())
    ends = paper_resting.write_ends({pk: fill for pk, fill in at_marks if fill}, clock.now())
    fills = {pk: paper.outcome(end) for pk, end in ends.items() if "canceled" not in end.result}
    filled = [waiting[pk] for pk in fills]
    settle(filled, fills)
    # The objects may say so of a booking that was undone.
    if Order.objects.filter(pk__in=fills).exclude(state=OrderState.FILLED).exists():
        raise FillNotBooked(order_ids=list(fills))
    return len(filled)
