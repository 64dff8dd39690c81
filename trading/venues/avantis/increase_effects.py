"""What an increase did that no event tells of: its trade holds more, and nothing else can have made it so."""

from collections.abc import Sequence
from decimal import Decimal

from trading.models import Intent, Order
from trading.venues.avantis import evidence, orders
from trading.venues.avantis.messages import TICKS, USDC
from trading.venues.avantis.trades import VenueTrade
from trading.venues.avantis.verdicts import Expected
from trading.venues.base import Filled, Grown, Unknown
from vanta.money import ONE, ZERO, quantize_price

LEAST_KEPT = Decimal("0.75")  # of the collateral, after an opening fee
DUST = Decimal("0.01")
LEAST_NEAR = Decimal("0.1")  # of the quoted price, for a price that is worked out from rounded numbers


def increased(order: Order, intent: Intent, trades: Sequence[VenueTrade]) -> Filled | Unknown | None:
    """An increase shows in its trade, which holds more by what was ordered; history says at which price."""
    wanted = orders.expected(intent.payload["expected"])
    trade = evidence.named(wanted, trades)
    grown = Grown(trade.collateral_usd, trade.leverage, trade.entry_price) if trade else None
    row = evidence.listed(intent)
    if row is not None and (row.index, row.opened_at_s) == (wanted.index, wanted.opened_at_s):
        return orders.increase_fill(order, intent.nonce, row.price, wanted, grown, evidence.told_by(row))
    if grown is None or not _has_grown(order, wanted, grown):
        return None
    if evidence.others_in_flight(order, on_position=True):
        return Unknown("other_orders_in_flight", may_resubmit=False)
    price = _price_of_added(order, wanted, grown)
    return orders.increase_fill(
        order, intent.nonce, price, wanted, grown, {"venue_event": "position", "price": "implied"}
    )


def _has_grown(order: Order, wanted: Expected, grown: Grown) -> bool:
    """Whether collateral and notional are more by what was ordered, less a fee."""
    added = grown.collateral_usd - Decimal(wanted.held_collateral or 0) / USDC
    more = grown.collateral_usd * grown.leverage - Decimal(wanted.held_size) / USDC / TICKS
    ordered = order.collateral_usd * order.leverage
    is_collateral = order.collateral_usd * LEAST_KEPT <= added <= order.collateral_usd
    return is_collateral and ordered * LEAST_KEPT <= more <= ordered * (ONE + DUST)


def _price_of_added(order: Order, wanted: Expected, grown: Grown) -> Decimal:
    """What was added cost: its notional over the coins that the trade has more; as quoted where that says nothing."""
    held = Decimal(wanted.held_size) / USDC / TICKS
    before = order.position.entry_price if order.position else grown.entry_price
    notional = grown.collateral_usd * grown.leverage
    coins = notional / grown.entry_price - held / before
    price = (notional - held) / coins if coins > ZERO else ZERO
    is_near = abs(price - order.quoted_price) <= order.quoted_price * LEAST_NEAR
    return quantize_price(price if is_near else order.quoted_price)
