"""Assembling what the risk checks take: values from rows, read under the trader's lock by whoever decides."""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Self

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


AccountKey = tuple[int, str]  # trader id and execution mode


class Desk:
    """What decisions on some orders need, all their accounts in four reads; approved orders are added as they come."""

    def __init__(self, marks: Marks) -> None:
        self._marks = marks
        self._free: dict[AccountKey, Decimal] = {}
        self._positions: dict[AccountKey, list[Position]] = defaultdict(list)
        self._pending: dict[AccountKey, list[Order]] = defaultdict(list)

    @classmethod
    def read(cls, orders: Sequence[Order]) -> Self:
        """The accounts of the traders of `orders` as they are now, with the marks of every market concerned."""
        return cls.of({order.trader_id for order in orders}, also={order.market.symbol for order in orders})

    @classmethod
    def of(cls, trader_ids: Collection[int], *, also: Collection[str] = ()) -> Self:
        """The accounts of some traders; `also` names markets whose marks are wanted besides their positions'."""
        open_positions = Position.objects.filter(trader__in=trader_ids, status=Position.Status.OPEN)
        positions = list(with_market(open_positions)) if trader_ids else []
        symbols = {position.market.symbol for position in positions} | set(also)
        desk = cls(feeds.mark_prices(sorted(symbols)) if symbols else {})
        for position in positions:
            desk._positions[position.trader_id, position.mode].append(position)
        openings = Order.objects.filter(trader__in=trader_ids, kind=Order.Kind.OPEN, state__in=PENDING)
        for order in with_market(openings).defer("decision") if trader_ids else []:
            desk.reserve(order)
        accounts = Account.objects.filter(trader__in=trader_ids).values_list("trader_id", "mode", "free_balance_usd")
        desk._free = {(trader_id, mode): free for trader_id, mode, free in accounts}
        return desk

    def reserve(self, order: Order) -> None:
        """Count an opening as pending from now on."""
        self._pending[order.trader_id, order.mode].append(order)

    def release(self, order: Order) -> None:
        """Count it no more: it was not approved after all."""
        self._pending[order.trader_id, order.mode].remove(order)

    def holdings(self, order: Order) -> Holdings:
        """What the account that `order` would be booked on holds."""
        return self.account(order.trader_id, order.mode)

    def account(self, trader_id: int, mode: str) -> Holdings:
        """What one account holds; an account that does not exist holds nothing."""
        key = (trader_id, mode)
        return Holdings(self._free.get(key, ZERO), self._positions[key], self._pending[key], self._marks)


def holdings(trader: Trader, mode: str) -> Holdings:
    """What one account holds."""
    return Desk.of([trader.pk]).account(trader.pk, mode)


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
