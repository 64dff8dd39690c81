"""What became of an intent that no event tells of: by its nonce, and then by its effect.

A used nonce is not by itself a fill: a cancellation consumes it too. Openings of one trader in one market are
serialised, so that a trade which nobody knows and which fits can only be this one's, or that of a limit order which has
rested and is gone: then history has to tell. Closings and increases name their trade, and nothing else that makes it
larger is on its way beside an increase.
"""

from collections.abc import Sequence
from decimal import ROUND_DOWN, Decimal
from typing import Any

import structlog

from risk.margin import Side
from trading import alarms
from trading.models import Intent, Order, Position
from trading.models.orders import OPENINGS
from trading.venues.avantis import attribution, evidence, increase_effects, orders
from trading.venues.avantis.attribution import DUST, OPENED, SKEW_S
from trading.venues.avantis.client import VenueUnreachable
from trading.venues.avantis.compute import close_pnl
from trading.venues.avantis.history import Execution, executions_of
from trading.venues.avantis.messages import TICKS
from trading.venues.avantis.nonces import NotTold, UnusedAt, nonce_state
from trading.venues.avantis.trades import AtVenue, VenueTrade, at_venue, wallet_balance
from trading.venues.base import Expired, Filled, Outcome, Rejected, Trade, Unknown
from vanta.money import ONE, ZERO, quantize_price, quantize_usdc

log = structlog.get_logger(__name__)
MARGIN_S = 20  # beyond the deadline, for what the venue's node may be behind the chain's
CONTRADICTED_S = 300  # beyond the deadline, after which a nonce that still is unused is believed against appearances
PLAUSIBLE_MOVE = Decimal("0.02")  # of the price within a message's life: a person looks at what needs more
LIMIT_GONE = "limit_order_gone"
ENDS = frozenset({"close", "liquidation", "take_profit", "stop_loss"})


def find(order: Order, intent: Intent, *, may_resubmit: bool) -> Outcome:
    """The outcome that nonce, positions, history and balance prove; Unknown where they prove none."""
    kept = intent.payload
    state = nonce_state(
        trader=kept["trader"], signer=kept["signer"], nonce=int(intent.nonce), chain_id=int(kept["chain_id"])
    )
    if isinstance(state, NotTold):
        return Unknown(f"nonce_{state.reason}", may_resubmit)
    late_s = state.block_time_s - intent.deadline.timestamp()
    is_over = late_s > MARGIN_S
    if isinstance(state, UnusedAt) and not is_over:
        return Unknown("not_executed", may_resubmit)
    try:
        if isinstance(state, UnusedAt):
            return _never_executed(order, intent, is_believed=late_s > CONTRADICTED_S)
        found = _effect(order, intent)
        if found is not None:
            return found
        return _no_effect(order, intent) if is_over else Unknown("nonce_used", may_resubmit=False)
    except VenueUnreachable:
        return Unknown("effect_not_told", may_resubmit=False)


def _effect(order: Order, intent: Intent) -> Filled | Unknown | None:
    """What the intent did; Unknown where it cannot be told from something else; None where nothing shows."""
    told = at_venue(intent.payload["trader"])
    if order.kind == Order.Kind.OPEN:  # a trade that is open says best what it holds; one that is gone, only history
        found = _opened(order, intent, told)
        return found if isinstance(found, Filled) else _from_history(order, intent) or found
    if order.kind == Order.Kind.INCREASE:
        return increase_effects.increased(order, intent, told.trades)
    return _from_history(order, intent) or _closed(order, intent, told.trades)


def _from_history(order: Order, intent: Intent) -> Filled | None:
    """The fill that the venue's history lists for this intent."""
    row = evidence.listed(intent)
    return listed_fill(order, intent.nonce, row, evidence.told_by(row)) if row is not None else None


def listed_fill(order: Order, nonce: str, row: Execution, detail: dict[str, Any]) -> Filled:
    """What a row of the history says of this order's execution."""
    if order.kind == Order.Kind.CLOSE:
        return orders.closing_fill(order, nonce, row.price, row.paid_out_usd, detail, taken_usd=row.collateral_usd)
    collateral = min(row.collateral_usd, order.collateral_usd)
    fee = quantize_usdc(collateral * row.leverage * order.market.open_fee_rate, rounding=ROUND_DOWN)
    trade = Trade(collateral - fee, row.leverage, row.index, row.opened_at_s)
    return orders.opening_fill(order, nonce, row.price, trade, detail)


def _opened(order: Order, intent: Intent, told: AtVenue) -> Filled | Unknown | None:
    fitting = [trade for trade in told.trades if _fits(order, intent, trade)]
    if fitting:
        fitting = _without_others(intent, fitting)
    if len(fitting) > 1:
        return Unknown("several_trades_fit", may_resubmit=False)
    if not fitting:
        return None
    if attribution.rival_limits(order, fitting, told):
        return Unknown(LIMIT_GONE, may_resubmit=False)
    (found,) = fitting
    trade = Trade(found.collateral_usd, found.leverage, found.index, found.opened_at_s)
    return orders.opening_fill(order, intent.nonce, found.entry_price, trade, {"venue_event": "position"})


def _without_others(intent: Intent, trades: Sequence[VenueTrade]) -> list[VenueTrade]:
    """Without those that history says another message opened."""
    others = {
        attribution.made_by(row)
        for row in executions_of(intent.payload["trader"])
        if row.kind in OPENED and _is_anothers(intent, row)
    }
    return [trade for trade in trades if attribution.names(trade) not in others]


def _is_anothers(intent: Intent, row: Execution) -> bool:
    is_known = row.nonce not in ("", intent.nonce) and row.digest != intent.payload["digest"]
    return row.kind == "limit_fill" or is_known


def _fits(order: Order, intent: Intent, trade: VenueTrade) -> bool:
    """Whether a trade that nobody knows yet is what this opening would have made."""
    earliest, latest = intent.created_at.timestamp() - SKEW_S, intent.deadline.timestamp() + SKEW_S
    is_in_time = earliest <= trade.opened_at_s <= latest
    is_alike = is_in_time and attribution.is_as_large(order, trade)
    return is_alike and not attribution.is_known(order, trade.index, trade.opened_at_s)


def _closed(order: Order, intent: Intent, trades: Sequence[VenueTrade]) -> Filled | Unknown | None:
    """A closing shows in what is left of its trade; what it paid is what the wallet has more than the books.

    As far as the closing can have paid that: what came in or went out at the same time is no profit and no loss.
    """
    wanted = orders.expected(intent.payload["expected"])
    position = Position.objects.get(orders=order)
    trade = evidence.named(wanted, trades)
    left = trade.collateral_usd if trade else ZERO
    if position.collateral_usd - left != order.collateral_usd:
        return Unknown("margin_in_flight", may_resubmit=False) if evidence.margin_in_flight(position) else None
    if evidence.others_in_flight(order):
        return Unknown("other_orders_in_flight", may_resubmit=False)
    if _ended_otherwise(order, intent):
        return None
    moved = wallet_balance(intent.payload["trader"]) - evidence.booked_balance(order)
    least, most = _can_have_paid(order, position, Decimal(wanted.price) / TICKS)
    if not least - DUST <= moved <= most + DUST:
        detail = f"the wallet has {moved} USDC more than the books; the closing can have paid {least} to {most}"
        alarms.raise_alarm(alarms.Kind.DISPUTED_FILL, f"order {order.pk}", detail)
        return Unknown("payout_implausible", may_resubmit=False)
    payout = max(moved, ZERO)
    price = _implied_price(order, position, payout)
    return orders.closing_fill(order, intent.nonce, price, payout, {"venue_event": "position", "price": "implied"})


def _ended_otherwise(order: Order, intent: Intent) -> bool:
    """Whether the history says that something else took this from the trade since the closing was signed."""
    wanted = orders.expected(intent.payload["expected"])
    since_ms = (intent.created_at.timestamp() - SKEW_S) * 1000
    taken = sum(
        row.collateral_usd
        for row in executions_of(intent.payload["trader"])
        if row.kind in ENDS
        and (row.pair_index, row.index, row.opened_at_s) == (wanted.pair_index, wanted.index, wanted.opened_at_s)
        and row.nonce != intent.nonce
        and row.at_ms >= since_ms
    )
    return taken >= order.collateral_usd


def _can_have_paid(order: Order, position: Position, price: Decimal) -> tuple[Decimal, Decimal]:
    """The least and the most that this closing can have paid, had the price moved by PLAUSIBLE_MOVE at most."""
    nets, grosses = [], []
    for exit_price in (price * (ONE - PLAUSIBLE_MOVE), price * (ONE + PLAUSIBLE_MOVE)):
        pnl = close_pnl(
            market=order.market,
            side=Side(order.side),
            entry_price=position.entry_price,
            exit_price=exit_price,
            collateral_usd=order.collateral_usd,
            leverage=order.leverage,
            accrued_usd=ZERO,
        )
        nets.append(pnl.net_usd)
        grosses.append(pnl.gross_usd)
    least = order.collateral_usd + min(nets) - position.accrued_usd
    return max(least, ZERO), max(order.collateral_usd + max(grosses), ZERO)


def _implied_price(order: Order, position: Position, payout_usd: Decimal) -> Decimal:
    """The exit price at which a closing without fees would have paid this."""
    notional = order.collateral_usd * order.leverage
    move = (payout_usd - order.collateral_usd) / notional * Side(position.side).sign
    return quantize_price(position.entry_price * max(ONE + move, DUST))


def _no_effect(order: Order, intent: Intent) -> Outcome:
    """The nonce is used, the deadline over, and nothing shows anywhere: a cancellation used it.

    What left the wallet must be explained as well: an opening that is gone again would show there.
    """
    if order.kind in OPENINGS:
        missing = evidence.booked_balance(order) - wallet_balance(intent.payload["trader"])
        if missing > DUST:
            return Unknown("balance_unexplained", may_resubmit=False)
    return Rejected("canceled_by_venue", {"venue_event": "no_effect"})


def _never_executed(order: Order, intent: Intent, *, is_believed: bool) -> Outcome:
    """The nonce is unused after the deadline. Where an opening's effect shows all the same, the node may be behind.

    Five minutes later it is not: then somebody opened such a trade elsewhere. A closing's trade may have ended by
    itself meanwhile; what a limit order can have made does not speak against the nonce.
    """
    found = _effect(order, intent) if order.kind in OPENINGS and not is_believed else None
    if found is not None and not (isinstance(found, Unknown) and found.reason == LIMIT_GONE):
        alarms.raise_alarm(alarms.Kind.DISPUTED_FILL, f"order {order.pk}", "its effect shows, its nonce is unused")
        return Unknown("effect_without_nonce", may_resubmit=False)
    return Expired()
