"""Taking back an order that rests at the venue: the router's call, and what came first, the cancel or the fill."""

import structlog

from trading.models import Intent, Order
from trading.models.loading import with_market
from trading.order_state import OrderState
from trading.venues.avantis import attribution, resting
from trading.venues.avantis.calls import CANCEL_ORDER, Call
from trading.venues.avantis.client import VenueUnreachable
from trading.venues.avantis.limit_orders import not_executed
from trading.venues.avantis.margin_moves import BELIEVED_AFTER_S, SETTLED_AFTER_S
from trading.venues.avantis.passthrough import Consumed
from trading.venues.avantis.trades import at_venue
from trading.venues.base import Canceled, CannotPrepare, Filled, Outcome, Rejected
from vanta import clock

log = structlog.get_logger(__name__)


class Cancel:
    """Implements `Action`. The call names a place, not what rests there: what it did shows by its target alone."""

    def call(self, order: Order, _wallet: str) -> Call:
        """The router's call. Raises CannotPrepare."""
        target = require_resting(order)
        if target.placement.venue_index is None:
            raise CannotPrepare("not_at_venue", order_id=order.pk)
        arguments = {"pairIndex": target.market.pair_index, "index": target.placement.venue_index}
        return Call(CANCEL_ORDER, arguments)

    def outcome(self, order: Order, intent: Intent, consumed: Consumed) -> Outcome:
        """Canceled where the target is gone and was not filled; else the cancel came to nothing."""
        target = _target_of(order)
        if target.state != OrderState.RESTING:
            return _too_late(target)
        wallet = intent.payload["trader"]
        try:
            told = at_venue(wallet)
            if told.limits is None:
                return resting.UNTOLD
            if attribution.shown(target, told) is not None:
                return _still_there(consumed)
            found = resting.ended(target, wallet, told)
        except VenueUnreachable:
            return resting.UNTOLD
        return _judge(found, consumed)


def require_resting(order: Order) -> Order:
    """The order that a cancel is about. Raises CannotPrepare where it does not rest any more."""
    target = _target_of(order)
    if target.state != OrderState.RESTING:
        raise CannotPrepare("not_resting", order_id=order.pk)
    return target


def _target_of(order: Order) -> Order:
    return with_market(Order.objects.filter(cancels_of=order), "placement", "intent").get()


def _too_late(target: Order) -> Outcome:
    return Rejected("already_filled" if target.state == OrderState.FILLED else "not_resting")


def _still_there(consumed: Consumed) -> Outcome:
    """The void has used the nonce, or the venue shows late what the cancel did."""
    is_void = consumed.is_void_possible and consumed.waited_s >= SETTLED_AFTER_S
    return not_executed(consumed) if is_void or consumed.waited_s >= BELIEVED_AFTER_S else resting.UNTOLD


def _judge(found: Outcome, consumed: Consumed) -> Outcome:
    """Without a void only the cancel can have used the nonce, and it reverts where there is nothing to take back."""
    log.info("cancel_judged", found=type(found).__name__, is_void_possible=consumed.is_void_possible)
    if isinstance(found, Filled):
        return Rejected("already_filled")
    if isinstance(found, Canceled):
        return found
    if not consumed.is_void_possible:
        return Canceled(clock.now(), detail={"venue_event": "nonce", "transaction_hash": consumed.transaction_hash})
    return not_executed(consumed) if consumed.waited_s >= BELIEVED_AFTER_S else found
