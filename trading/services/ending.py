"""Ending an UNKNOWN order by hand, on somebody's evidence: where the venue and the chain do not say what became of it.

It is booked as an automatic outcome is, through `settlement.settle`, with its audit entry in the same transaction. What
was executed is taken from a row of the venue's history or from a trade that is there; only what a closing paid can be
typed, and is recorded as such.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from typing import Any

from django.db import transaction

from trading import alarms
from trading.errors import EndRefused
from trading.models import Intent, Order, Position
from trading.models.loading import lock_traders, with_market
from trading.models.traders import Mode
from trading.order_state import OrderState
from trading.settlement import settle
from trading.venues.avantis import orders
from trading.venues.avantis.client import VenueUnreachable
from trading.venues.avantis.effects import MARGIN_S, listed_fill
from trading.venues.avantis.history import Execution, executions_of
from trading.venues.avantis.nonces import NonceState, NotTold, UnusedAt, Used, nonce_state
from trading.venues.avantis.trades import VenueTrade, trades_of, wallet_balance
from trading.venues.base import Expired, Filled, Trade
from vanta import audit, clock
from vanta.money import quantize_usdc

SHOWN_ROWS = 10
BY_HAND = (
    Order.Kind.OPEN,
    Order.Kind.CLOSE,
)  # what others did shows in what is there, which account reconciliation reads: a trade, or an order that rests


@dataclass(frozen=True, slots=True)
class Known:
    """Everything that venue and chain say of an order now; `trades` is None and so on where nobody answered."""

    order: Order
    intent: Intent
    nonce: NonceState
    history: Sequence[Execution]
    trades: Sequence[VenueTrade] | None
    wallet_usd: Decimal | None

    @property
    def is_proven_unused(self) -> bool:
        """Whether the nonce is unused at a block beyond the deadline and its margin."""
        late_s = self.nonce.block_time_s - self.intent.deadline.timestamp() if isinstance(self.nonce, UnusedAt) else 0
        return late_s > MARGIN_S


@dataclass(frozen=True, slots=True)
class Claim:
    """What somebody says became of an order, and how they know.

    Executed: by a row of the history (its order id or transaction), or by an open trade (index, opened at); a closing
    that no row tells of by `price` and `payout_usd`. Without any of them: never executed.
    """

    is_filled: bool
    evidence: str
    reason: str
    history: str = ""
    trade: tuple[int, int] | None = None
    price: Decimal | None = None
    payout_usd: Decimal | None = None
    is_override: bool = False


def look(order_id: int) -> Known:
    """Ask about an order that can be ended by hand. Raises EndRefused for every other; in no transaction."""
    order = with_market(Order.objects.filter(pk=order_id), "position").first()
    if order is None:
        raise EndRefused("no_such_order", order_id=order_id)
    if order.mode != Mode.LIVE:
        raise EndRefused("not_live", order_id=order_id)
    if order.state != OrderState.UNKNOWN:
        raise EndRefused("not_unknown", order_id=order_id)
    if order.kind not in BY_HAND or order.rests:
        raise EndRefused("not_by_hand", order_id=order_id)
    intent = Intent.objects.get(order=order)
    if clock.now().timestamp() <= intent.deadline.timestamp() + MARGIN_S:
        raise EndRefused("not_over", order_id=order_id)
    kept = intent.payload
    state = nonce_state(
        trader=kept["trader"], signer=kept["signer"], nonce=int(intent.nonce), chain_id=int(kept["chain_id"])
    )
    try:
        trades, wallet_usd = trades_of(kept["trader"]), wallet_balance(kept["trader"])
    except VenueUnreachable:
        return Known(order, intent, state, executions_of(kept["trader"]), None, None)
    return Known(order, intent, state, executions_of(kept["trader"]), trades, wallet_usd)


def end(known: Known, claim: Claim, *, actor: str) -> Order:
    """Book what is claimed. Raises EndRefused, with nothing changed."""
    if not (claim.evidence.strip() and claim.reason.strip()):
        raise EndRefused("no_evidence", order_id=known.order.pk)
    outcome = _filled(known, claim) if claim.is_filled else _never_executed(known, claim)
    with transaction.atomic():
        lock_traders([known.order.trader_id])
        order = with_market(Order.objects.filter(pk=known.order.pk, state=OrderState.UNKNOWN), "position").first()
        if order is None:
            raise EndRefused("not_unknown", order_id=known.order.pk)
        settle([order], {order.pk: outcome})
        order.refresh_from_db()
        if order.ended_at is None:
            raise EndRefused("not_booked", order_id=order.pk)
        for kind in (alarms.Kind.UNKNOWN_ORDER, alarms.Kind.DISPUTED_FILL):
            alarms.lift(kind, f"order {order.pk}")
        after = {"state": order.state, **_as_text(claim), "nonce": _as_text(known.nonce)}
        audit.append(
            actor=actor,
            action="order.end",
            subject=f"order:{order.pk}",
            before={"state": OrderState.UNKNOWN},
            after=after,
            reason=claim.reason,
        )
    return order


def _never_executed(known: Known, claim: Claim) -> Expired:
    if not claim.is_override:
        if isinstance(known.nonce, Used):
            raise EndRefused("nonce_used", order_id=known.order.pk)
        if not known.is_proven_unused:
            raise EndRefused("no_block_proves_it", order_id=known.order.pk)
    return Expired({"ended_by": "hand", "evidence": claim.evidence})


def _filled(known: Known, claim: Claim) -> Filled:
    if known.is_proven_unused and not claim.is_override:
        raise EndRefused("nonce_unused", order_id=known.order.pk)
    is_typed = claim.price is not None or claim.payout_usd is not None
    if sum((bool(claim.history), claim.trade is not None, is_typed)) != 1:
        raise EndRefused("one_source", order_id=known.order.pk)
    detail = {"ended_by": "hand", "evidence": claim.evidence}
    if claim.history:
        return _by_history(known, claim.history, {**detail, "source": "history"})
    if claim.trade is not None:
        return _by_trade(known, claim.trade, {**detail, "source": "trade"})
    if known.order.kind != Order.Kind.CLOSE or claim.price is None or claim.payout_usd is None:
        raise EndRefused("typed_closings_only", order_id=known.order.pk)
    if claim.price <= 0 or claim.payout_usd < 0:
        raise EndRefused("no_amount", order_id=known.order.pk)
    typed = {**detail, "source": "typed"}
    return orders.closing_fill(known.order, known.intent.nonce, claim.price, quantize_usdc(claim.payout_usd), typed)


def _by_history(known: Known, name: str, detail: dict[str, Any]) -> Filled:
    """The fill that a row of the history tells of; one of another trade or market is refused."""
    order, nonce = known.order, known.intent.nonce
    rows = [row for row in known.history if name in (row.order_id, row.transaction_hash)]
    if len(rows) != 1:
        raise EndRefused("no_such_row", order_id=order.pk)
    (row,) = rows
    wanted = orders.expected(known.intent.payload["expected"])
    fits = (row.trader.lower(), row.pair_index, row.is_long) == (
        wanted.trader.lower(),
        wanted.pair_index,
        wanted.is_long,
    )
    is_same_trade = not wanted.is_closing or (row.index, row.opened_at_s) == (wanted.index, wanted.opened_at_s)
    if not fits or not is_same_trade or row.kind != order.kind or row.nonce not in ("", nonce):
        raise EndRefused("another_row", order_id=order.pk)
    told = {**detail, "venue_order_id": row.order_id, "transaction_hash": row.transaction_hash}
    return listed_fill(order, nonce, row, told)


def _by_trade(known: Known, name: tuple[int, int], detail: dict[str, Any]) -> Filled:
    """The opening that made an open trade, which nobody else may have made."""
    order = known.order
    if order.kind != Order.Kind.OPEN:
        raise EndRefused("trades_are_openings", order_id=order.pk)
    trades = [trade for trade in known.trades or () if (trade.index, trade.opened_at_s) == name]
    found = next((trade for trade in trades if trade.pair_index == order.market.pair_index), None)
    if found is None or found.side != order.side:
        raise EndRefused("no_such_trade", order_id=order.pk)
    index, opened_at_s = name
    is_known = Position.objects.filter(
        trader_id=order.trader_id, market_id=order.market_id, venue_index=index, venue_opened_at_s=opened_at_s
    )
    if is_known.exists():
        raise EndRefused("trade_is_booked", order_id=order.pk)
    trade = Trade(found.collateral_usd, found.leverage, index, opened_at_s)
    filled = orders.opening_fill(order, known.intent.nonce, found.entry_price, trade, detail)
    return replace(filled, liquidation_price=found.liquidation_price or filled.liquidation_price)


def _as_text(said: Claim | NonceState) -> dict[str, Any]:
    """Fields that say something; the audit log keeps Decimals as text."""
    kind = {"kind": type(said).__name__} if isinstance(said, Used | UnusedAt | NotTold) else {}
    return {**kind, **{name: value for name, value in asdict(said).items() if value not in (None, "", False)}}
