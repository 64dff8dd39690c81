"""The openings that were approved lately, as PostgreSQL knows them: what the rate limits rest on.

What was approved counts, whatever became of it: canceled before it left, expired, rejected by the venue.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence

from risk.rate_limits import LOOK_BACK_MS, Account, Opening, Openings
from trading.models import Order
from trading.models.orders import OPENINGS
from trading.order_state import OrderState
from vanta import clock

OLDEST_DRAFT = dt.timedelta(days=7)  # no draft is confirmed later than this after it was typed; finds the rows by index


def account_of(order: Order) -> Account:
    """Whose openings this one is counted with."""
    return Account(order.trader_id, order.mode)


def as_opening(order: Order) -> Opening:
    """An approved order, decided on at `decided_at`."""
    decided_at = order.decided_at or clock.now()
    return Opening(order.pk, round(decided_at.timestamp() * 1000), order.collateral_usd * order.leverage)


def approved_lately(accounts: Sequence[Account], also: Iterable[Order] = ()) -> Openings:
    """The openings of some accounts within the longest window; `also` were approved, but are not stored yet."""
    since = clock.now() - dt.timedelta(milliseconds=LOOK_BACK_MS)
    stored = (
        Order.objects.filter(
            trader__in={account.trader_id for account in accounts},
            created_at__gt=since - OLDEST_DRAFT,
            decided_at__gt=since,  # drafts that ended undecided have none
            kind__in=OPENINGS,
        )
        .exclude(state__in=[OrderState.DRAFT, OrderState.DENIED])
        .only("trader", "mode", "decided_at", "collateral_usd", "leverage")
    )
    openings = defaultdict(list)
    for order in (*stored, *also):
        openings[account_of(order)].append(as_opening(order))
    return openings
