"""Placing limit and stop-limit orders: the router's call, and whether the venue holds, has filled or never had it."""

import structlog

from risk.margin import Side
from trading.models import Intent, Order, Placement
from trading.order_state import OrderState
from trading.venues.avantis import attribution, evidence, resting
from trading.venues.avantis.attribution import Sought
from trading.venues.avantis.calls import OPEN_TRADE, Call
from trading.venues.avantis.client import VenueUnreachable
from trading.venues.avantis.history import executions_of, placings_of
from trading.venues.avantis.margin_moves import BELIEVED_AFTER_S, SETTLED_AFTER_S
from trading.venues.avantis.messages import TICKS, USDC, units
from trading.venues.avantis.orders import slippage_percent
from trading.venues.avantis.passthrough import Consumed
from trading.venues.avantis.trades import AtVenue, VenueLimit, at_venue, wallet_balance
from trading.venues.base import Canceled, CannotPrepare, Expired, Outcome, Rejected, Resting
from vanta import clock
from vanta.money import ZERO

log = structlog.get_logger(__name__)
STOP_LIMIT, LIMIT = 1, 2  # the wire's `orderType`


class LimitOrder:
    """Implements `Action` for openings that rest."""

    def call(self, order: Order, wallet: str) -> Call:
        """The router's call. Raises CannotPrepare, NotExact."""
        if order.market.is_upside or order.limit_price is None:
            raise CannotPrepare("no_limit_orders", order_id=order.pk)
        trade = {
            "trader": wallet,
            "pairIndex": order.market.pair_index,
            "index": 0,
            "initialPosToken": 0,
            "positionSizeUSDC": units(order.collateral_usd, USDC),
            "openPrice": units(order.limit_price, TICKS),
            "buy": order.side == Side.LONG,
            "leverage": units(order.leverage, TICKS),
            "tp": units(order.take_profit or ZERO, TICKS),
            "sl": units(order.stop_loss or ZERO, TICKS),
            "timestamp": 0,
        }
        order_type = LIMIT if order.order_type == Order.Type.LIMIT else STOP_LIMIT
        return Call(OPEN_TRADE, {"trade": trade, "orderType": order_type, "slippageP": slippage_percent(order)})

    def outcome(self, order: Order, intent: Intent, consumed: Consumed) -> Outcome:
        """Resting where the venue shows it; filled or taken back where that shows; never placed where nothing does."""
        wallet = intent.payload["trader"]
        try:
            told = at_venue(wallet)
            if told.limits is None:
                return resting.UNTOLD
            row = _new_row(order, told)
            if row is not None:
                detail = {"venue_event": "resting", "transaction_hash": consumed.transaction_hash}
                return Resting(told.asked_at, row.collateral_usd, row.index, row.order_id, detail)
            placed = placings_of(wallet)
            order_id = resting.order_id_of(intent, placed)
            sought = Sought(order, intent.nonce, order_id, intent.created_at.timestamp())
            found = resting.filled(sought, told, executions_of(wallet))
            if found is not None:
                return found
            if order_id and any((row.kind, row.order_id) == (resting.CANCEL, order_id) for row in placed):
                return Canceled(clock.now(), detail={"venue_event": "history"})
            return _not_shown(order, wallet, consumed)
        except VenueUnreachable:
            return resting.UNTOLD


def _new_row(order: Order, told: AtVenue) -> VenueLimit | None:
    """The venue's order that is as this one was ordered, and that no other order of ours is."""
    others = attribution.resting(order.trader_id)
    wanted = (order.market.pair_index, order.side, order.collateral_usd, order.leverage, order.limit_price)
    rows = [
        row
        for row in told.limits or ()
        if (row.pair_index, row.side, row.collateral_usd, row.leverage, row.price) == wanted
        and row.order_type in (None, LIMIT if order.order_type == Order.Type.LIMIT else STOP_LIMIT)
        and not any(attribution.is_shown(other, other.placement, row) for other in others)
        and not _has_ended(order, row)
    ]
    return rows[0] if rows else None


def _has_ended(order: Order, row: VenueLimit) -> bool:
    """Whether the venue still shows an order that has ended in our books: it is behind."""
    known = Placement.objects.filter(order__trader=order.trader_id, venue_order_id=row.order_id)
    return bool(row.order_id) and known.exclude(order__state=OrderState.RESTING).exists()


def _not_shown(order: Order, wallet: str, consumed: Consumed) -> Outcome:
    """Neither order nor trade: the void has used the nonce, or the venue shows it late. The wallet is the witness.

    Where it has paid, the venue holds the order or has filled it, however long it does not say so: a person is told.
    """
    moved = wallet_balance(wallet) - evidence.booked_balance(order)
    is_paid = moved == -order.collateral_usd
    is_void = consumed.is_void_possible and consumed.waited_s >= SETTLED_AFTER_S
    log.info("placing_not_shown", order_id=order.pk, moved=moved, is_void=is_void)
    if not is_paid and (is_void or consumed.waited_s >= BELIEVED_AFTER_S):
        return not_executed(consumed)
    return resting.UNTOLD


def not_executed(consumed: Consumed) -> Outcome:
    """The order's own batch did nothing, and never will."""
    is_refused = consumed.is_reverted or not consumed.is_void_possible
    return Rejected("reverted_by_venue") if is_refused else Expired()
