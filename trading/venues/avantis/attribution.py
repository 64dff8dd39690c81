"""Whose trade is it that nobody knows: which orders of ours could have made it, and which certainly did not.

A market opening whose answer was lost and a limit order that the venue has filled can leave trades that look alike. One
is taken for an order's only where no other order can have made it; else the venue's history has to tell.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from risk.margin import Side
from trading.models import Order, Placement, Position
from trading.models.loading import with_market
from trading.models.orders import K
from trading.models.traders import Mode
from trading.order_state import IN_FLIGHT, OrderState
from trading.venues.avantis.history import Execution
from trading.venues.avantis.messages import TICKS
from trading.venues.avantis.orders import slippage_percent
from trading.venues.avantis.trades import AtVenue, VenueLimit, VenueTrade
from vanta.money import HUNDRED, ONE

SKEW_S = 30  # between our clock and the venue's
LEAST_KEPT = Decimal("0.75")  # of the collateral, after an opening fee
DUST = Decimal("0.01")
OPENED = frozenset({"open", "limit_fill"})  # rows of the history that made a trade


@dataclass(frozen=True, slots=True)
class Sought:
    """A limit order whose fill is looked for; `nonce` names the fill, `order_id` is the venue's where it is known.

    It was not filled before `since_s`, in Unix seconds.
    """

    order: Order
    nonce: str
    order_id: str
    since_s: float


def is_known(order: Order, index: int, opened_at_s: int) -> bool:
    """Whether a position of the trader in the order's market is that trade."""
    known = Position.objects.filter(
        trader_id=order.trader_id,
        market_id=order.market_id,
        venue_index=index,
        venue_opened_at_s=opened_at_s,
    )
    return known.exists()


def is_as_large(order: Order, trade: VenueTrade) -> bool:
    """Whether a trade is on the order's side of its market, and holds what was ordered, less a fee."""
    if (trade.pair_index, trade.side) != (order.market.pair_index, order.side):
        return False
    if not order.collateral_usd * LEAST_KEPT <= trade.collateral_usd <= order.collateral_usd:
        return False
    return trade.collateral_usd * trade.leverage <= order.collateral_usd * order.leverage * (ONE + DUST)


def can_be_of(sought: Sought, trade: VenueTrade) -> bool:
    """Whether this limit order can have made this trade: at its price, and not before its time."""
    order = sought.order
    if order.limit_price is None or not is_as_large(order, trade) or trade.opened_at_s < sought.since_s - SKEW_S:
        return False
    worst = order.limit_price * slippage_percent(order) / HUNDRED / TICKS
    if trade.side == Side.LONG:
        return trade.entry_price <= order.limit_price + worst
    return trade.entry_price >= order.limit_price - worst


def sought_of(order: Order, placement: Placement) -> Sought:
    """An order that rested, as its fill is looked for; one that was placed elsewhere has no nonce."""
    intent = getattr(order, "intent", None)
    nonce = intent.nonce if intent else f"adopted-{order.pk}"
    since = max(placement.placed_at, placement.seen_at)
    return Sought(order, nonce, placement.venue_order_id, since.timestamp())


def is_shown(order: Order, placement: Placement, row: VenueLimit) -> bool:
    """Whether a resting order of the venue's is this one. A place is given out again: without an id, terms tell."""
    if (row.pair_index, row.side) != (order.market.pair_index, order.side):
        return False
    if placement.venue_order_id and row.order_id:
        return row.order_id == placement.venue_order_id
    return (row.index, row.collateral_usd, row.leverage) == (
        placement.venue_index,
        placement.escrow_usd,
        order.leverage,
    )


def resting(trader_id: int) -> list[Order]:
    """The trader's orders that rest at the venue."""
    held = Order.objects.filter(trader_id=trader_id, mode=Mode.LIVE, state=OrderState.RESTING)
    return list(with_market(held, "placement", "intent").order_by("pk"))


def shown(order: Order, told: AtVenue) -> VenueLimit | None:
    """The venue's row of an order that rests; None where there is none, or none can be read."""
    return next((row for row in told.limits or () if is_shown(order, order.placement, row)), None)


def gone(trader_id: int, told: AtVenue) -> list[Order]:
    """The trader's resting orders that the venue does not show any more."""
    return [order for order in resting(trader_id) if shown(order, told) is None]


def rival_limits(order: Order, trades: Sequence[VenueTrade], told: AtVenue) -> list[Order]:
    """Other orders that have rested, are gone, and can have made one of these trades."""
    return [
        other
        for other in gone(order.trader_id, told)
        if other.pk != order.pk
        and other.market_id == order.market_id
        and any(can_be_of(sought_of(other, other.placement), trade) for trade in trades)
    ]


def openings_in_flight(order: Order) -> bool:
    """Whether another opening of the trader's, on this side of this market, is on its way."""
    others = Order.objects.filter(
        trader_id=order.trader_id,
        market_id=order.market_id,
        side=order.side,
        mode=Mode.LIVE,
        kind=K.OPEN,
        state__in=IN_FLIGHT,
    )
    return others.exclude(pk=order.pk).exists()


def names(trade: VenueTrade) -> tuple[int, int, int]:
    """What tells a trade from every other one of its wallet."""
    return trade.pair_index, trade.index, trade.opened_at_s


def made_by(row: Execution) -> tuple[int, int, int]:
    """The name of the trade that a row of the history is about."""
    return row.pair_index, row.index, row.opened_at_s
