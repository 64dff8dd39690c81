"""What became of limit orders at the venue: still there, filled, or taken back, by what it holds, lists and has paid.

Nothing is over because it is not shown: a fill shows as a trade or in the history, a cancel in the history or in what
the wallet has more than the books.
"""

from collections.abc import Sequence
from decimal import Decimal

from risk.margin import Side
from trading.models import Intent, Order
from trading.models.orders import K
from trading.models.traders import Mode
from trading.order_state import IN_FLIGHT
from trading.venues.avantis import attribution, evidence, orders
from trading.venues.avantis.attribution import LEAST_KEPT, OPENED, SKEW_S, Sought
from trading.venues.avantis.client import VenueUnreachable
from trading.venues.avantis.effects import listed_fill
from trading.venues.avantis.history import Execution, Placed, executions_of, placings_of
from trading.venues.avantis.trades import AtVenue, VenueTrade, wallet_balance
from trading.venues.base import Canceled, Filled, Outcome, Resting, Trade, Unknown
from vanta import clock
from vanta.money import ZERO

FILL, CANCEL, PLACE = "limit_fill", "limit_cancel", "limit_place"
UNTOLD = Unknown("effect_not_told", may_resubmit=False)


def look(order: Order, wallet: str, told: AtVenue | None) -> Outcome:
    """What became of an order that rests in this wallet's name; `told` is what the wallet has, None where unknown."""
    if told is None or told.limits is None:
        return UNTOLD
    row = attribution.shown(order, told)
    if row is not None:
        return Resting(order.placement.placed_at, row.collateral_usd, row.index, row.order_id, seen_at=told.asked_at)
    try:
        found = ended(order, wallet, told)
    except VenueUnreachable:
        return UNTOLD
    if isinstance(found, Canceled) and Order.objects.filter(cancels=order, state__in=IN_FLIGHT).exists():
        return Unknown("being_canceled", may_resubmit=False)  # its cancel says so, and ends both
    return found


def ended(order: Order, wallet: str, told: AtVenue) -> Filled | Canceled | Unknown:
    """What ended an order that the venue does not show any more. Raises VenueUnreachable."""
    found = filled(attribution.sought_of(order, order.placement), told, executions_of(wallet))
    if found is not None:
        return found
    row = _canceled(order, placings_of(wallet))
    if row is not None:
        return Canceled(
            clock.from_ms(row.at_ms), detail={"venue_event": "history", "transaction_hash": row.transaction_hash}
        )
    if _is_refunded(order, wallet, told):
        return Canceled(clock.now(), detail={"venue_event": "wallet"})
    return UNTOLD


def filled(sought: Sought, told: AtVenue, history: Sequence[Execution]) -> Filled | Unknown | None:
    """The fill of a limit order; Unknown where another order can have made the trade; None where none shows."""
    row = _listed(sought, history)
    if row is not None:
        return _by_history(sought, row, told)
    explained = {attribution.made_by(row) for row in history if row.kind in OPENED and _is_anothers(sought, row)}
    fitting = [trade for trade in told.trades if attribution.names(trade) not in explained and _can_be(sought, trade)]
    if not fitting:
        return None
    order = sought.order
    if len(fitting) > 1 or attribution.openings_in_flight(order) or attribution.rival_limits(order, fitting, told):
        return Unknown("several_can_have_made_it", may_resubmit=False)
    return _by_trade(sought, fitting[0], fitting[0].entry_price, {"venue_event": "position"})


def order_id_of(intent: Intent, history: Sequence[Placed]) -> str:
    """The venue's id of the order that this intent placed; empty where the history does not say."""
    rows = (row for row in history if row.kind == PLACE and row.nonce == intent.nonce)
    return next((row.order_id for row in rows), "")


def _can_be(sought: Sought, trade: VenueTrade) -> bool:
    is_new = not attribution.is_known(sought.order, trade.index, trade.opened_at_s)
    return is_new and attribution.can_be_of(sought, trade)


def _is_anothers(sought: Sought, row: Execution) -> bool:
    """Whether history says that something else than this order made a trade."""
    return row.kind != FILL or (bool(sought.order_id) and row.order_id not in ("", sought.order_id))


def _listed(sought: Sought, history: Sequence[Execution]) -> Execution | None:
    """The row that is this order's fill: by the venue's id of it, else the only one that can be."""
    rows = [row for row in history if row.kind == FILL and _fits(sought, row)]
    if sought.order_id:
        by_id = next((row for row in rows if row.order_id == sought.order_id), None)
        if by_id is not None or all(row.order_id for row in rows):
            return by_id
        rows = [row for row in rows if not row.order_id]
    known = {order.placement.venue_order_id for order in attribution.resting(sought.order.trader_id)}
    new = [
        row
        for row in rows
        if row.order_id not in known - {""}
        and not attribution.is_known(sought.order, row.index, row.opened_at_s)
        and row.at_ms / 1000 >= sought.since_s - SKEW_S
    ]
    return new[0] if len(new) == 1 else None


def _fits(sought: Sought, row: Execution) -> bool:
    order = sought.order
    is_long = order.side == Side.LONG
    is_as_large = order.collateral_usd * LEAST_KEPT <= row.collateral_usd <= order.collateral_usd
    return (row.pair_index, row.is_long) == (order.market.pair_index, is_long) and is_as_large


def _by_history(sought: Sought, row: Execution, told: AtVenue) -> Filled:
    """A trade that is open says best what it holds."""
    detail = evidence.told_by(row)
    trade = next((each for each in told.trades if attribution.names(each) == attribution.made_by(row)), None)
    if trade is not None and attribution.is_as_large(sought.order, trade):
        return _by_trade(sought, trade, row.price, detail)
    return listed_fill(sought.order, sought.nonce, row, detail)


def _by_trade(sought: Sought, found: VenueTrade, price: Decimal, detail: dict[str, str]) -> Filled:
    trade = Trade(found.collateral_usd, found.leverage, found.index, found.opened_at_s)
    return orders.opening_fill(sought.order, sought.nonce, price, trade, detail)


def _canceled(order: Order, history: Sequence[Placed]) -> Placed | None:
    """The row that says that this order was taken back: by its id, else by its place since it has rested there."""
    placement = order.placement
    for row in history:
        if row.kind != CANCEL or row.pair_index != order.market.pair_index:
            continue
        if placement.venue_order_id and row.order_id:
            if row.order_id == placement.venue_order_id:
                return row
        elif row.index == placement.venue_index and row.at_ms / 1000 >= placement.seen_at.timestamp() - SKEW_S:
            return row
    return None


def _is_refunded(order: Order, wallet: str, told: AtVenue) -> bool:
    """Whether the wallet has back exactly what was held for all orders that are gone, and nothing else can be why."""
    under_way = Order.objects.filter(trader_id=order.trader_id, mode=Mode.LIVE, state__in=IN_FLIGHT)
    if under_way.exclude(kind=K.CANCEL, cancels=order).exists():
        return False
    held = sum((other.placement.escrow_usd for other in attribution.gone(order.trader_id, told)), ZERO)
    return held > ZERO and wallet_balance(wallet) - evidence.booked_balance(order) == held
