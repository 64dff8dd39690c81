"""What positions and openings are worth and can lose, from their rows: the margin maths with the market's terms."""

import datetime as dt
from collections.abc import Iterable, Mapping
from decimal import ROUND_CEILING, Decimal

from django.conf import settings

from feeds import selectors as feeds
from feeds.consensus import MarkPrice, NoConsensus
from feeds.models import Market
from risk import increases, margin
from risk.margin import ProfitTier, Side
from risk.values import OpenPosition
from trading.models import Order, Position
from vanta.money import HUNDRED, ONE, ZERO, quantize_price, quantize_usdc

MICROSECOND = dt.timedelta(microseconds=1)
MICROSECONDS_AN_HOUR = 3_600_000_000
Marks = Mapping[str, MarkPrice | NoConsensus]
Prices = Mapping[str, Decimal]


def unrealised_pnl(position: Position, marks: Marks) -> Decimal:
    """Net PnL if the position were closed at its mark; at the last known price without one, at entry without any."""
    price = price_or_last(position.market, marks)
    return position_pnl(position, price) if price is not None else ZERO


def price_or_last(market: Market, marks: Marks) -> Decimal | None:
    """The mark price, or the last one that was known; None where there never was one."""
    mark = marks.get(market.symbol)
    if isinstance(mark, MarkPrice):
        return mark.price
    last = feeds.last_mark(market.symbol)
    return last.price if last else None


def known_prices(marks: Marks, wanted: Iterable[str]) -> dict[str, Decimal]:
    """As `price_or_last`, for many markets in one query at most; those without any price are left out."""
    prices = {symbol: mark.price for symbol, mark in marks.items() if isinstance(mark, MarkPrice)}
    missing = sorted(set(wanted) - set(prices))
    last = feeds.last_marks(missing) if missing else {}
    return {symbol: mark.price for symbol, mark in last.items()} | prices


def position_pnl(position: Position, price: Decimal) -> Decimal:
    """Net PnL of closing at a mark of `price`: spread, close fee or profit share, and accrued costs taken off.

    Never below minus the collateral: isolated margin cannot lose more.
    """
    market = position.market
    side = Side(position.side)
    exit_price = margin.fill_price_with_spread(side=side, price=price, spread_rate=market.spread_rate, opening=False)
    if market.is_upside:
        net = margin.upside_net_pnl(
            side=side,
            entry_price=position.entry_price,
            price=exit_price,
            collateral_usd=position.collateral_usd,
            notional_usd=position.notional_usd,
            tiers=profit_tiers(market),
            rollover_usd=position.accrued_usd,
        ).net_usd
    else:
        net = margin.net_pnl(
            side=side,
            entry_price=position.entry_price,
            price=exit_price,
            collateral_usd=position.collateral_usd,
            notional_usd=position.notional_usd,
            close_fee_rate=market.close_fee_rate,
            rollover_usd=position.accrued_usd,
        ).net_usd
    return max(net, -position.collateral_usd)


def position_worst_loss(position: Position) -> Decimal:
    """W of an open position: from its entry to its stop with all costs of closing; all collateral without a stop.

    Accrued costs bring liquidation nearer: a stop that it has reached never fires.
    """
    market, stop = position.market, position.stop_loss
    if stop is not None and Side(position.side).sign * (stop - position.liquidation_price) <= ZERO:
        stop = None
    return margin.worst_loss(
        side=Side(position.side),
        entry_price=position.entry_price,
        collateral_usd=position.collateral_usd,
        notional_usd=position.notional_usd,
        stop_price=stop,
        spread_rate=market.spread_rate,
        slippage_rate=settings.MAX_SLIPPAGE_PCT,
        close_fee_rate=ZERO if market.is_upside else market.close_fee_rate,
        accrued_fees_usd=position.accrued_usd,
    )


def accrued_at(position: Position, market: Market, at: dt.datetime) -> Decimal:
    """Rollover and funding owed at `at`: what was accrued, and the time since then (or until then) at today's rates."""
    is_long = position.side == Side.LONG
    rate = (
        market.rollover_rate_per_hour_long + market.funding_rate_per_hour_long
        if is_long
        else market.rollover_rate_per_hour_short + market.funding_rate_per_hour_short
    )
    hours = Decimal((at - position.accrued_until) // MICROSECOND) / MICROSECONDS_AN_HOUR
    return quantize_usdc(position.accrued_usd + position.notional_usd * rate * hours)


def liquidation_price_at(position: Position, at: dt.datetime) -> Decimal:
    """Where liquidation was at `at`: the position's, less what the costs owed since (or not yet) moved it by."""
    since = accrued_at(position, position.market, at) - position.accrued_usd
    moved = Side(position.side).sign * position.entry_price * since / position.notional_usd
    return quantize_price(position.liquidation_price + moved)


def gain_at_risk(position: Position, pnl_usd: Decimal) -> Decimal:
    """How much of an unrealised gain is gone if the position ends at its stop; all of it without one."""
    if pnl_usd <= ZERO:
        return ZERO
    kept = ZERO
    if position.stop_loss is not None:
        exit_rate = Side(position.side).sign * settings.MAX_SLIPPAGE_PCT
        kept = max(position_pnl(position, position.stop_loss * (ONE - exit_rate)), ZERO)
    return max(pnl_usd - kept, ZERO)


def opening_worst_loss(order: Order, price: Decimal, held: OpenPosition | None = None) -> Decimal:
    """W of an opening filled at the worse side of `price`; all collateral without a stop. Rounded up.

    Of an increase of `held`, what it adds to that position's W. A limit order is filled at its own price.
    """
    market, side = order.market, Side(order.side)
    notional = order.collateral_usd * order.leverage
    slippage = settings.MAX_SLIPPAGE_PCT
    at = order.limit_price or price
    entry = margin.fill_price_with_spread(side=side, price=at, spread_rate=market.spread_rate + slippage)
    open_fee = margin.open_fee(notional_usd=notional, rate=market.open_fee_rate)
    if held is not None:
        added = increases.added_loss(
            held,
            fill_price=entry,
            collateral_usd=order.collateral_usd,
            notional_usd=notional,
            stop_price=order.stop_loss,
            exit_rate=market.spread_rate + slippage,
            open_fee_usd=open_fee,
            close_fee_rate=market.close_fee_rate,
        )
        return quantize_usdc(added, rounding=ROUND_CEILING)
    return quantize_usdc(
        margin.worst_loss(
            side=side,
            entry_price=entry,
            collateral_usd=order.collateral_usd,
            notional_usd=notional,
            stop_price=order.stop_loss,
            spread_rate=market.spread_rate,
            slippage_rate=slippage,
            open_fee_usd=open_fee,
            close_fee_rate=market.close_fee_rate,
        ),
        rounding=ROUND_CEILING,
    )


def profit_tiers(market: Market) -> list[ProfitTier]:
    """The venue's shares of an Upside profit by its size."""
    return [
        ProfitTier(Decimal(gain) / HUNDRED, Decimal(fee) / HUNDRED)
        for gain, fee in zip(market.upside_tier_gains_pct, market.upside_tier_fees_pct, strict=False)
    ]
