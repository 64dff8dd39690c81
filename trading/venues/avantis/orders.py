"""Between orders and the wire: the terms of an order, what a fill of it must look like, and what a fill says."""

import secrets
from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal
from typing import Any

from django.conf import settings

from feeds import selectors as feeds
from feeds.consensus import MarkPrice
from risk.additions import LEVERAGE_QUANTUM
from risk.margin import Side
from trading.models import Order, Position
from trading.venues.avantis.compute import close_pnl, liquidation_price
from trading.venues.avantis.messages import TICKS, USDC, units
from trading.venues.avantis.terms import CloseTerms, IncreaseTerms, MarketTerms, OpenTerms
from trading.venues.avantis.verdicts import Expected, price_of, whole
from trading.venues.base import CannotPrepare, Filled, Grown, Trade
from vanta import clock
from vanta.money import HUNDRED, ZERO, quantize_price, quantize_usdc

NONCE_BITS = 256


def new_nonce() -> int:
    """Never used before, by anybody."""
    return secrets.randbits(NONCE_BITS)


def terms_of(order: Order, wallet: str, deadline_ms: int) -> MarketTerms:
    """What is to be signed for an order of this wallet. Raises CannotPrepare, NotExact."""
    nonce = new_nonce()
    if order.kind == Order.Kind.CLOSE:
        return _closing(order, wallet, deadline_ms, nonce)
    if order.kind == Order.Kind.INCREASE:
        return _increase(order, wallet, deadline_ms, nonce)
    return OpenTerms(
        trader=wallet,
        pair_index=order.market.pair_index,
        is_long=order.side == Side.LONG,
        is_upside=order.market.is_upside,
        collateral=units(order.collateral_usd, USDC),
        leverage=units(order.leverage, TICKS),
        price=units(order.quoted_price, TICKS),
        slippage_percent=slippage_percent(order),
        take_profit=units(order.take_profit or ZERO, TICKS),
        stop_loss=units(order.stop_loss or ZERO, TICKS),
        deadline_ms=deadline_ms,
        nonce=nonce,
    )


def slippage_percent(order: Order) -> int:
    """Of the price that was decided on, or of the limit order's own, in the wire's percent."""
    return units((settings.MAX_SLIPPAGE_PCT + order.market.spread_rate) * HUNDRED, TICKS)


def _increase(order: Order, wallet: str, deadline_ms: int, nonce: int) -> IncreaseTerms:
    index, _ = _name(order)
    if order.position is None or order.position.status != Position.Status.OPEN:
        raise CannotPrepare("position_closed", order_id=order.pk)
    return IncreaseTerms(
        trader=wallet,
        pair_index=order.market.pair_index,
        index=index,
        collateral=units(order.collateral_usd, USDC),
        leverage=units(order.leverage, TICKS),
        price=units(order.quoted_price, TICKS),
        slippage_percent=slippage_percent(order),
        deadline_ms=deadline_ms,
        nonce=nonce,
    )


def _name(order: Order) -> tuple[int, int]:
    """Index and timestamp of the trade that an order is about. Raises CannotPrepare."""
    position = order.position
    if position is None or position.venue_index is None or position.venue_opened_at_s is None:
        raise CannotPrepare("position_not_at_venue", order_id=order.pk)
    return position.venue_index, position.venue_opened_at_s


def _closing(order: Order, wallet: str, deadline_ms: int, nonce: int) -> CloseTerms:
    index, opened_at_s = _name(order)
    return CloseTerms(
        trader=wallet,
        pair_index=order.market.pair_index,
        is_upside=order.market.is_upside,
        index=index,
        opened_at_s=opened_at_s,
        collateral=units(order.collateral_usd, USDC),
        price=units(_closing_price(order), TICKS),
        deadline_ms=deadline_ms,
        nonce=nonce,
    )


def _closing_price(order: Order) -> Decimal:
    """The price that the closing is wanted at; the position's entry where nobody knows any.

    What the venue does with it on a closing is unverified: no slippage goes with it.
    """
    symbol = order.market.symbol
    mark = feeds.mark_prices([symbol])[symbol]
    if isinstance(mark, MarkPrice):
        return quantize_price(mark.price)
    closing = feeds.closing_price(symbol, mark)
    return quantize_price(closing.price) if closing else order.quoted_price


def expectation(order: Order, terms: MarketTerms) -> dict[str, Any]:
    """What is kept beside the message, as JSON: how a fill of it looks."""
    index, opened_at_s = (None, None) if isinstance(terms, OpenTerms) else _name(order)
    held = {}
    if isinstance(terms, IncreaseTerms) and order.position is not None:
        collateral, leverage = units(order.position.collateral_usd, USDC), units(order.position.leverage, TICKS)
        held = {"held_collateral": str(collateral), "held_leverage": str(leverage)}
    return {
        "trader": terms.trader,
        "pair_index": terms.pair_index,
        "is_long": order.side == Side.LONG,
        "collateral": str(terms.collateral),
        "leverage": str(units(order.leverage, TICKS)),
        "price": str(terms.price),
        "index": index,
        "opened_at_s": opened_at_s,
        **held,
    }


def expected(kept: dict[str, Any]) -> Expected:
    """The same, read back."""
    names = ("collateral", "leverage", "price", "held_collateral", "held_leverage")
    numbers = {name: int(kept[name]) for name in names if name in kept}
    return Expected(**{**kept, **numbers})


def filled(order: Order, nonce: str, payload: dict[str, Any], kind: str, wanted: Expected) -> Filled:
    """What a fill event says, in Vanta's units. Only for payloads that `verdicts.differences` has nothing against."""
    price = quantize_price(Decimal(price_of(wanted, payload) or 0) / TICKS)
    detail = {
        "venue_order_id": str(payload.get("orderId", "")),
        "transaction_hash": str(payload.get("transactionHash", "")),
        "venue_event": kind,
    }
    if order.kind == Order.Kind.CLOSE:
        payout, taken = (
            Decimal(whole(payload.get(name)) or 0) / USDC for name in ("usdcSentToTrader", "positionSizeUSDC")
        )
        return closing_fill(order, nonce, price, payout, detail, taken_usd=taken)
    stored = payload["t"]
    collateral, leverage = Decimal(int(stored["initialPosToken"])) / USDC, wire_leverage(int(stored["leverage"]))
    if order.kind == Order.Kind.INCREASE:
        entry_price = Decimal(whole(stored.get("openPrice")) or 0) / TICKS
        grown = Grown(collateral, leverage, entry_price) if entry_price else None
        return increase_fill(order, nonce, price, wanted, grown, detail)
    trade = Trade(
        collateral_usd=collateral,
        leverage=leverage,
        index=int(stored["index"]),
        opened_at_s=int(stored["timestamp"]),
    )
    return opening_fill(order, nonce, price, trade, detail)


def opening_fill(order: Order, nonce: str, price: Decimal, trade: Trade, detail: dict[str, Any]) -> Filled:
    """An opening that holds `trade`. What it holds less than was ordered went into the fee.

    Whether the fee comes out of the collateral is unverified: where nothing is missing, it was taken on top.
    """
    missing = order.collateral_usd - trade.collateral_usd
    on_top = quantize_usdc(trade.collateral_usd * trade.leverage * order.market.open_fee_rate, rounding=ROUND_DOWN)
    liquidation = liquidation_price(
        side=Side(order.side), entry_price=price, collateral_usd=trade.collateral_usd, leverage=trade.leverage
    )
    return Filled(
        venue_fill_id=f"live-{nonce}",
        price=price,
        executed_at=clock.from_ms(trade.opened_at_s * 1000),
        fee_usd=missing if missing > ZERO else on_top,
        liquidation_price=liquidation,
        trade=trade,
        detail=detail,
    )


def increase_fill(
    order: Order, nonce: str, price: Decimal, wanted: Expected, grown: Grown | None, detail: dict[str, Any]
) -> Filled:
    """An increase after which the trade is `grown`: what that holds more than before was added, the rest was the fee.

    Where nobody tells, or a closing took from the trade meanwhile, what was ordered was added but for the fee; account
    reconciliation finds what is wrong with that.
    """
    held = Decimal(wanted.held_collateral or 0) / USDC
    ordered = order.collateral_usd * order.leverage
    on_top = quantize_usdc(ordered * order.market.open_fee_rate, rounding=ROUND_DOWN)
    added, notional = order.collateral_usd - on_top, ordered
    if grown is not None and ZERO < grown.collateral_usd - held <= order.collateral_usd:
        added = grown.collateral_usd - held
        more = grown.collateral_usd * grown.leverage - Decimal(wanted.held_size) / USDC / TICKS
        notional = min(max(more, added), ordered)
    else:
        grown = None
    missing = order.collateral_usd - added
    return Filled(
        venue_fill_id=f"live-{nonce}",
        price=price,
        executed_at=clock.now(),
        fee_usd=missing if missing > ZERO else on_top,
        trade=Trade(added, notional / added, wanted.index or 0, wanted.opened_at_s or 0),
        grown=grown,
        detail=detail,
    )


def closing_fill(
    order: Order,
    nonce: str,
    price: Decimal,
    payout_usd: Decimal,
    detail: dict[str, Any],
    *,
    taken_usd: Decimal = ZERO,
) -> Filled:
    """A closing that paid out so much: exactly that is booked; fee and gross PnL are told apart by the venue's rates.

    `taken_usd` is the collateral that it closed, ZERO where nobody says: less than was ordered leaves the rest open.
    What is wrongly taken for closed or for open here, account reconciliation finds by the trade itself (unverified:
    that `positionSizeUSDC` of a closing's event is this collateral). Raises CannotPrepare for an order that closes
    nothing.
    """
    closed = min(taken_usd, order.collateral_usd) if taken_usd > ZERO else order.collateral_usd
    position = order.position
    if position is None:
        raise CannotPrepare("position_not_at_venue", order_id=order.pk)
    estimate = close_pnl(
        market=order.market,
        side=Side(order.side),
        entry_price=position.entry_price,
        exit_price=price,
        collateral_usd=closed,
        leverage=order.leverage,
        accrued_usd=ZERO,
    )
    return Filled(
        venue_fill_id=f"live-{nonce}",
        price=price,
        executed_at=clock.now(),
        fee_usd=estimate.fee_usd,
        pnl_usd=payout_usd - closed + estimate.fee_usd,
        payout_usd=payout_usd,
        closed_usd=closed,
        detail=detail,
    )


def wire_leverage(raw: int) -> Decimal:
    """Leverage as Vanta keeps it."""
    return (Decimal(raw) / TICKS).quantize(LEVERAGE_QUANTUM, rounding=ROUND_HALF_EVEN)
