"""Assembling what the risk checks take: values from rows, read under the trader's lock by whoever decides."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from feeds import selectors as feeds
from feeds.consensus import MarkPrice, NoConsensus
from feeds.models import Market
from risk import margin
from risk.checks import AccountSnapshot, Exposure, MarketRules
from risk.margin import ProfitTier, Side
from trading.models import Account, Order, Position, Trader
from trading.models.loading import with_market
from trading.order_state import PENDING, OrderState
from vanta.money import HUNDRED, ONE, ZERO

Marks = Mapping[str, MarkPrice | NoConsensus]


@dataclass(frozen=True, slots=True)
class Holdings:
    """A trader's rows in one execution mode: balance, open positions, pending openings, and the marks for them."""

    free_usd: Decimal
    positions: Sequence[Position]
    pending: Sequence[Order]
    marks: Marks


def holdings(trader: Trader, mode: str, *, also: Sequence[str] = ()) -> Holdings:
    """Read everything that a decision needs; `also` names markets whose marks are wanted besides the positions'."""
    account = Account.objects.filter(trader=trader, mode=mode).first()
    positions = list(with_market(Position.objects.filter(trader=trader, mode=mode, status="open")))
    openings = Order.objects.filter(trader=trader, mode=mode, kind=Order.Kind.OPEN, state__in=PENDING)
    pending = list(with_market(openings).defer("decision"))
    symbols = {position.market.symbol for position in positions} | set(also)
    marks = feeds.mark_prices(sorted(symbols)) if symbols else {}
    return Holdings(account.free_balance_usd if account else ZERO, positions, pending, marks)


def account_snapshot(held: Holdings, market: Market) -> AccountSnapshot:
    """The account as the checks see it, with the exposure in `market` (an Upside pair is a market of its own)."""
    here = [position for position in held.positions if position.market_id == market.pk]
    pending_here = [order for order in held.pending if order.market_id == market.pk]
    return AccountSnapshot(
        free_usd=held.free_usd,
        reserved_usd=sum((reserved(order) for order in held.pending), ZERO),
        collateral_usd=sum((position.collateral_usd for position in held.positions), ZERO),
        unrealised_pnl_usd=sum((unrealised_pnl(position, held.marks) for position in held.positions), ZERO),
        exposure=Exposure(
            positions_notional_usd=sum((position.notional_usd for position in here), ZERO),
            pending_notional_usd=sum((order.collateral_usd * order.leverage for order in pending_here), ZERO),
            position_count=len(here) + len(pending_here),
            has_unresolved_order=any(order.state == OrderState.UNKNOWN for order in pending_here),
        ),
    )


def reserved(order: Order) -> Decimal:
    """What a pending opening will take from the free balance: its collateral and its open fee."""
    return order.collateral_usd + margin.open_fee(
        notional_usd=order.collateral_usd * order.leverage, rate=order.market.open_fee_rate
    )


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


def market_rules(market: Market, side: Side, now: dt.datetime, leverage: Decimal = ONE) -> MarketRules:
    """The venue's rules for one market and side, as of `now`; `leverage` is the order's."""
    upside = _upside_of(market) if leverage > market.max_leverage and not market.is_upside else ""
    return MarketRules(
        symbol=market.symbol,
        min_leverage=market.min_leverage,
        max_leverage=market.max_leverage,
        min_notional_usd=market.min_notional_usd,
        spread_rate=market.spread_rate,
        open_fee_rate=market.open_fee_rate,
        close_fee_rate=market.close_fee_rate,
        is_upside=market.is_upside,
        is_listed=market.is_listed,
        is_close_only=market.is_close_only,
        is_open=market.is_open_at(now),
        opens_at=market.next_open_at,
        upside_symbol=upside,
        headroom_usd=market.headroom_long_usd if side == Side.LONG else market.headroom_short_usd,
        max_positions=market.max_trades_per_pair,
        max_gain_rate=_max_gain_rate(market),
        max_stop_loss_rate=market.max_stop_loss_pct / HUNDRED,
    )


def _max_gain_rate(market: Market) -> Decimal:
    """The venue's cap on gains; on Upside after its share at that gain (the SDK's `adjusted_max_gain_p`)."""
    gain = market.max_gain_pct / HUNDRED
    return gain * (ONE - margin.profit_share_rate(profit_tiers(market), gain)) if market.is_upside else gain


def profit_tiers(market: Market) -> list[ProfitTier]:
    """The venue's shares of an Upside profit by its size."""
    return [
        ProfitTier(Decimal(gain) / HUNDRED, Decimal(fee) / HUNDRED)
        for gain, fee in zip(market.upside_tier_gains_pct, market.upside_tier_fees_pct, strict=False)
    ]


def _upside_of(market: Market) -> str:
    upside = Market.objects.filter(price_symbol=market.price_symbol, is_upside=True, is_listed=True).first()
    return upside.symbol if upside else ""
