"""Watching open DRY positions: liquidation, stop and take-profit become closing orders of the ordinary pipeline."""

from decimal import Decimal

import structlog
from django.db import connection, transaction
from django.db.models import Q

from feeds import selectors as feeds
from feeds.consensus import MarkPrice
from feeds.models import Market
from risk import trading_state
from risk.trading_state import TradingState
from trading.bookkeeping import LIQUIDATION
from trading.errors import NoOpenPosition
from trading.models import Order, Position
from trading.models.traders import Mode
from trading.order_state import PENDING
from trading.services import positions
from trading.services.orders import Origin
from vanta import clock, tracing
from vanta.money import ONE

log = structlog.get_logger(__name__)
STOP_LOSS = "stop_loss"
TAKE_PROFIT = "take_profit"

# Costs accrue by the hour on the notional; with them the liquidation price moves (the venue's formula, 85 %).
_ACCRUE = """
    UPDATE trading_position p
    SET accrued_usd = p.accrued_usd + cost.usd,
        accrued_until = cost.until,
        liquidation_price = p.entry_price + (CASE p.side WHEN 'long' THEN -1 ELSE 1 END) * p.entry_price
            * (p.collateral_usd * 0.85 - p.accrued_usd - cost.usd) / (p.collateral_usd * p.leverage)
    FROM (
        SELECT q.id, now() AS until,
               round(q.collateral_usd * q.leverage
                     * (CASE q.side
                        WHEN 'long' THEN m.rollover_rate_per_hour_long + m.funding_rate_per_hour_long
                        ELSE m.rollover_rate_per_hour_short + m.funding_rate_per_hour_short END)
                     * (extract(epoch FROM now() - q.accrued_until) / 3600)::numeric, 6) AS usd
        FROM trading_position q JOIN feeds_market m ON m.id = q.market_id
        WHERE q.status = 'open' AND q.mode = 'DRY' AND q.accrued_until < now()
        FOR UPDATE OF q SKIP LOCKED
    ) AS cost
    WHERE p.id = cost.id
"""


def accrue_funding() -> int:
    """Book the rollover and funding of all open DRY positions up to now; answers how many."""
    with connection.cursor() as cursor:
        cursor.execute(_ACCRUE)
        return int(cursor.rowcount)


def close_crossed() -> int:
    """Close every DRY position whose liquidation price, stop or take-profit the current mark has reached.

    In a halt nothing may be submitted, and asking each second would leave a denied order each second.
    """
    if trading_state.current() is TradingState.HALTED:
        return 0
    held = Market.objects.filter(positions__status="open", positions__mode=Mode.DRY).distinct()
    now = clock.now()
    symbols = [market.symbol for market in held.defer("venue_params") if market.is_open_at(now)]
    marks = feeds.mark_prices(symbols) if symbols else {}
    return sum(_close_crossed_in(symbol, mark.price) for symbol, mark in marks.items() if isinstance(mark, MarkPrice))


def _close_crossed_in(symbol: str, price: Decimal) -> int:
    busy = Order.objects.filter(kind=Order.Kind.CLOSE, state__in=PENDING, position__isnull=False).values("position_id")
    crossed = (
        Position.objects.filter(_crossed(price), market__symbol=symbol, status="open", mode=Mode.DRY)
        .exclude(pk__in=busy)
        .select_related("trader")
    )
    return sum(_close(position, _reason(position, price)) for position in crossed)


def _crossed(price: Decimal) -> Q:
    long = Q(liquidation_price__gte=price) | Q(stop_loss__gte=price) | Q(take_profit__lte=price)
    short = Q(liquidation_price__lte=price) | Q(stop_loss__lte=price) | Q(take_profit__gte=price)
    return Q(side="long") & long | Q(side="short") & short


def _reason(position: Position, price: Decimal) -> str:
    """The stop is nearer than liquidation, so it comes first; a price beyond both still is a liquidation."""
    sign = ONE if position.side == "long" else -ONE
    if sign * (price - position.liquidation_price) <= 0:
        return LIQUIDATION
    if position.stop_loss is not None and sign * (price - position.stop_loss) <= 0:
        return STOP_LOSS
    return TAKE_PROFIT


def _close(position: Position, reason: str) -> int:
    with tracing.bind_trace("", position_id=position.pk), transaction.atomic():
        try:
            origin = Origin(chat_id=position.trader.chat_id)
            positions.close(trader=position.trader, positions=[position], share=ONE, origin=origin, reason=reason)
        except NoOpenPosition:
            return 0  # somebody closed it in between
        log.info("position_crossed", reason=reason, trader_id=position.trader_id)
    return 1
