"""What is looked up where no event tells what became of an intent: history, named trades, what else is under way."""

from collections.abc import Sequence
from decimal import Decimal

from trading.models import Account, Intent, Order, Position
from trading.models.orders import MARGIN
from trading.models.traders import Mode
from trading.order_state import IN_FLIGHT
from trading.venues.avantis import orders
from trading.venues.avantis.history import Execution, executions_of
from trading.venues.avantis.trades import VenueTrade
from trading.venues.avantis.verdicts import Expected
from vanta.money import ZERO


def listed(intent: Intent) -> Execution | None:
    """The row of the venue's history that this intent made; None where that is about something else."""
    kept = intent.payload
    wanted = orders.expected(kept["expected"])
    rows = (row for row in executions_of(kept["trader"]) if intent.nonce == row.nonce or kept["digest"] == row.digest)
    row = next(rows, None)
    if row is None or (row.trader.lower(), row.pair_index, row.is_long) != (
        wanted.trader.lower(),
        wanted.pair_index,
        wanted.is_long,
    ):
        return None
    return row


def told_by(row: Execution) -> dict[str, str]:
    """What an order's history says of a fill that the venue's history told."""
    return {"venue_event": "history", "venue_order_id": row.order_id, "transaction_hash": row.transaction_hash}


def named(wanted: Expected, trades: Sequence[VenueTrade]) -> VenueTrade | None:
    """The trade that a closing or an increase names."""
    name = (wanted.pair_index, wanted.index, wanted.opened_at_s)
    return next((trade for trade in trades if (trade.pair_index, trade.index, trade.opened_at_s) == name), None)


def margin_in_flight(position: Position) -> bool:
    """Whether margin of this position is being moved."""
    return Order.objects.filter(position=position, kind__in=MARGIN, state__in=IN_FLIGHT).exists()


def others_in_flight(order: Order, *, on_position: bool = False) -> bool:
    """Whether another LIVE order of the trader, or of the position, is on its way."""
    live = Order.objects.filter(trader_id=order.trader_id, mode=Mode.LIVE, state__in=IN_FLIGHT)
    if on_position:
        live = live.filter(position=order.position)
    return live.exclude(pk=order.pk).exists()


def booked_balance(order: Order) -> Decimal:
    """What the books say that the trader's wallet has."""
    account = Account.objects.filter(trader_id=order.trader_id, mode=Mode.LIVE).first()
    return account.free_balance_usd if account else ZERO
