"""Margin into and out of a trade at the venue: the router's call, and what it did, by the trade and by the wallet."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

import structlog
from django.conf import settings

from trading.errors import TradingError
from trading.models import Account, Intent, Order, Position
from trading.models.orders import K
from trading.models.traders import Mode
from trading.venues.avantis import price_updates
from trading.venues.avantis.calls import UPDATE_MARGIN, Call
from trading.venues.avantis.client import VenueUnreachable
from trading.venues.avantis.messages import USDC, units
from trading.venues.avantis.passthrough import Consumed
from trading.venues.avantis.trades import VenueTrade, trades_of, wallet_balance
from trading.venues.base import CannotPrepare, Changed, Expired, NotYet, Outcome, Rejected, Unknown
from vanta import clock
from vanta.money import ZERO

log = structlog.get_logger(__name__)
DEPOSIT, WITHDRAW = 0, 1
SETTLED_AFTER_S = 20  # beyond the used nonce, for what the venue's own books may be behind the chain
BELIEVED_AFTER_S = 300  # beyond it, when what cannot be told from something else is taken for what is likeliest
SAME_NOTIONAL = Decimal("0.01")  # as a share; margin does not change it, every closing does


@dataclass(frozen=True, slots=True)
class Witnesses:
    """What shows of a move, in USDC: how far trade and wallet are from the books.

    `trade_usd` is None where the trade has ended or was changed by something else as well.
    """

    trade_usd: Decimal | None
    wallet_usd: Decimal


def has_moved(moved_usd: Decimal, seen: Witnesses, consumed: Consumed) -> bool | None:
    """Whether the used nonce moved `moved_usd` into the trade (negative: out of it); None where nobody can say yet."""
    is_settled, is_believed = consumed.waited_s >= SETTLED_AFTER_S, consumed.waited_s >= BELIEVED_AFTER_S
    is_paid = seen.wallet_usd == -moved_usd
    if seen.trade_usd == moved_usd:
        return True
    if seen.trade_usd == ZERO:  # without a void only the order's own batch can have used the nonce: it shows late
        is_void = consumed.is_void_possible and is_settled and not is_paid
        return False if is_void or is_believed else None
    if is_paid:
        return True
    if seen.wallet_usd == ZERO and consumed.is_void_possible and is_settled:
        return False
    return not consumed.is_void_likely if is_believed else None


class MarginMove:
    """Implements `Action` for orders that add or withdraw margin."""

    def call(self, order: Order, _wallet: str) -> Call:
        """The router's call. Raises CannotPrepare, NotExact, NotYet."""
        position = order.position
        if position is None or position.venue_index is None:
            raise CannotPrepare("position_not_at_venue", order_id=order.pk)
        prices = price_updates.newest(order.market.pair_index)
        if prices is None:
            raise _no_price(order)
        arguments = {
            "pairIndex": order.market.pair_index,
            "index": position.venue_index,
            "action": DEPOSIT if order.kind == K.ADD_MARGIN else WITHDRAW,
            "amount": units(order.collateral_usd, USDC),
            "priceUpdateData": prices,
        }
        return Call(UPDATE_MARGIN, arguments)

    def outcome(self, order: Order, intent: Intent, consumed: Consumed) -> Outcome:
        """Changed where trade or wallet show it; never executed where the void used the nonce."""
        position = Position.objects.get(orders=order)
        moved = order.collateral_usd if order.kind == K.ADD_MARGIN else -order.collateral_usd
        try:
            trade = _trade_of(position, order, intent.payload["trader"])
            wallet = wallet_balance(intent.payload["trader"]) - _booked_balance(order)
        except VenueUnreachable:
            return Unknown("effect_not_told", may_resubmit=False)
        seen = Witnesses(_shown(position, trade), wallet)
        answer = has_moved(moved, seen, consumed)
        log.info("margin_judged", order_id=order.pk, moved=answer, trade=seen.trade_usd, wallet=seen.wallet_usd)
        if answer is None:
            return Unknown("effect_not_told", may_resubmit=False)
        if not answer:
            is_refused = consumed.is_reverted or not consumed.is_void_possible
            return Rejected("reverted_by_venue") if is_refused else Expired()
        is_shown = trade is not None and seen.trade_usd == moved
        return Changed(
            executed_at=clock.now(),
            moved_usd=moved,
            leverage=trade.leverage if trade and is_shown else None,
            liquidation_price=(trade.liquidation_price or None) if trade and is_shown else None,
            detail={"venue_event": "position" if is_shown else "wallet", "transaction_hash": consumed.transaction_hash},
        )


def _no_price(order: Order) -> TradingError:
    """The feed's answer is waited for as long as anybody expects the order to leave."""
    waited = clock.now() - (order.decided_at or order.created_at)
    if waited < dt.timedelta(seconds=settings.INTENT_VALID_S):
        return NotYet(reason="no_price_update")
    return CannotPrepare("no_price_update", order_id=order.pk)


def _trade_of(position: Position, order: Order, wallet: str) -> VenueTrade | None:
    name = (order.market.pair_index, position.venue_index, position.venue_opened_at_s)
    mine = [trade for trade in trades_of(wallet) if (trade.pair_index, trade.index, trade.opened_at_s) == name]
    return mine[0] if mine else None


def _shown(position: Position, trade: VenueTrade | None) -> Decimal | None:
    """How much more collateral the trade has than the books; None where its size is not what it was."""
    if trade is None:
        return None
    size = trade.collateral_usd * trade.leverage
    is_same_size = abs(size - position.notional_usd) <= position.notional_usd * SAME_NOTIONAL
    return trade.collateral_usd - position.collateral_usd if is_same_size else None


def _booked_balance(order: Order) -> Decimal:
    account = Account.objects.filter(trader_id=order.trader_id, mode=Mode.LIVE).first()
    return account.free_balance_usd if account else ZERO
