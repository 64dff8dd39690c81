"""Assembling what the risk checks take: values from rows, read under the trader's lock by whoever decides."""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Self

from django.db.models import Q, Sum

from feeds import selectors as feeds
from feeds.models import Market
from risk import margin
from risk.checks import AccountSnapshot, Day, Exposure, MarketRules
from risk.margin import Side
from risk.stop_changes import is_looser
from risk.values import EquityThen, Limits, Losses, Protections
from trading import valuation
from trading.day_openings import AccountKey, Funds, day_openings, funds
from trading.increases import position_of
from trading.limits import bindings_of
from trading.models import DayOpening, Order, Position, Trader
from trading.models.loading import with_market
from trading.models.orders import OPENINGS, K
from trading.order_state import PENDING, OrderState
from trading.recent_losses import NOTHING, RecentLosses, StopOut, day_begin_ms, recent_losses
from trading.valuation import Marks, Prices, profit_tiers
from vanta import clock
from vanta.money import HUNDRED, ONE, ZERO


@dataclass(frozen=True, slots=True)
class Holdings:
    """A trader's rows in one execution mode: balance, open positions, what pending orders claim, and the prices.

    `prices` are the marks or the last known ones. `opening` is None where there is no account. `lately` is what the
    protections look back at, empty where they were not asked about.
    """

    free_usd: Decimal
    positions: Sequence[Position]
    pending: Sequence[Order]
    marks: Marks
    prices: Prices
    opening: DayOpening | None
    deposited_usd: Decimal
    lately: RecentLosses = NOTHING


class Desk:
    """What decisions on some orders need, all their accounts in six reads; approved orders are added as they come.

    Protections that are on for anybody take two more at most, however many accounts there are.
    """

    def __init__(self, marks: Marks, prices: Prices) -> None:
        self._marks = marks
        self._prices = prices
        self._funds: dict[AccountKey, Funds] = {}
        self._openings: dict[AccountKey, DayOpening] = {}
        self._lately: dict[AccountKey, RecentLosses] = {}
        self._limits: dict[int, Limits] = {}
        self._positions: dict[AccountKey, list[Position]] = defaultdict(list)
        self._pending: dict[AccountKey, list[Order]] = defaultdict(list)
        self._ending: set[int] = set()

    @classmethod
    def read(cls, orders: Sequence[Order]) -> Self:
        """The accounts of the traders of `orders` as they are now, with the marks of every market concerned."""
        traders = {order.trader_id: order.trader for order in orders}
        limits = {pk: binding.limits for pk, binding in bindings_of(traders.values()).items()}
        protections = {pk: each.protections for pk, each in limits.items()}
        desk = cls.of(set(traders), also={order.market.symbol for order in orders}, protections=protections)
        desk._limits = limits
        desk._ending = _ending({order.position_id for order in orders if order.kind == K.INCREASE})
        return desk

    @classmethod
    def of(
        cls,
        trader_ids: Collection[int],
        *,
        also: Collection[str] = (),
        protections: Mapping[int, Protections] | None = None,
    ) -> Self:
        """The accounts of some traders; `also` names markets whose marks are wanted besides their positions'.

        `protections`, by trader id, are those that will be asked.
        """
        open_positions = Position.objects.filter(trader__in=trader_ids, status=Position.Status.OPEN)
        positions = list(with_market(open_positions)) if trader_ids else []
        held = {position.market.symbol for position in positions}
        marks = feeds.mark_prices(sorted(held | set(also))) if held or also else {}
        desk = cls(marks, valuation.known_prices(marks, held))
        for position in positions:
            desk._positions[position.trader_id, position.mode].append(position)
        counted = Q(kind__in=[*OPENINGS, K.ADD_MARGIN]) | Q(kind=K.STOPS, loosens=True)
        counted |= Q(kind=K.TAKE_MARGIN, state=OrderState.UNKNOWN)
        claims = Order.objects.filter(counted, trader__in=trader_ids, state__in=PENDING)
        for order in with_market(claims, "placement").order_by("pk").defer("decision") if trader_ids else []:
            desk.reserve(order)
        desk._funds = funds(trader_ids)
        desk._openings = day_openings(trader_ids, desk._funds, clock.now())
        desk._lately = recent_losses(protections or {}, clock.now())
        return desk

    @property
    def openings(self) -> list[DayOpening]:
        """Today's openings of all accounts that were read."""
        return list(self._openings.values())

    def limits(self, order: Order) -> Limits:
        """What binds the trader of one of the orders that the desk was read for."""
        return self._limits[order.trader_id]

    def is_gone(self, order: Order) -> bool:
        """Whether an increase's position has ended, or is being closed whole."""
        held = self.holdings(order).positions
        return order.kind == K.INCREASE and (position_of(order, held) is None or order.position_id in self._ending)

    def reserve(self, order: Order) -> None:
        """Count an order that claims balance, or lets a position lose more, as pending from now on."""
        if order.kind == K.STOPS:
            self._loosen(order)
        else:
            self._pending[order.trader_id, order.mode].append(order)

    def _loosen(self, order: Order) -> None:
        """The position counts with the looser stop that is on its way to it; only here, not in its row."""
        for position in self._positions[order.trader_id, order.mode]:
            if position.pk == order.position_id and is_looser(Side(position.side), order.stop_loss, position.stop_loss):
                position.stop_loss = order.stop_loss

    def release(self, order: Order) -> None:
        """Count it no more: it was not approved after all."""
        self._pending[order.trader_id, order.mode].remove(order)

    def holdings(self, order: Order) -> Holdings:
        """What the account that `order` would be booked on holds."""
        return self.account(order.trader_id, order.mode)

    def account(self, trader_id: int, mode: str) -> Holdings:
        """What one account holds; an account that does not exist holds nothing."""
        key = (trader_id, mode)
        held = self._funds.get(key, Funds())
        return Holdings(
            free_usd=held.free_usd,
            positions=self._positions[key],
            pending=self._pending[key],
            marks=self._marks,
            prices=self._prices,
            opening=self._openings.get(key),
            deposited_usd=held.deposited_usd,
            lately=self._lately.get(key, NOTHING),
        )


def holdings(trader: Trader, mode: str) -> Holdings:
    """What one account holds."""
    return Desk.of([trader.pk]).account(trader.pk, mode)


def account_snapshot(held: Holdings, market: Market | None = None) -> AccountSnapshot:
    """The account as the checks see it, with the exposure in `market` (an Upside pair is a market of its own)."""
    pnls = [_pnl(position, held.prices) for position in held.positions]
    return AccountSnapshot(
        free_usd=held.free_usd,
        reserved_usd=sum((reserved(order) for order in held.pending), ZERO),
        collateral_usd=sum((position.collateral_usd for position in held.positions), ZERO) + escrowed(held.pending),
        unrealised_pnl_usd=sum(pnls, ZERO),
        exposure=_exposure(held, market),
        day=_day(held, pnls),
        losses=losses(held, market.pk if market else None),
    )


def losses(held: Holdings, market_id: int | None) -> Losses:
    """What the protections look at, for an order in this market."""
    openings = [*held.lately.openings, held.opening] if held.opening else []
    return losses_of(held.lately.stop_outs, openings, held.deposited_usd, market_id)


def losses_of(
    stop_outs: Sequence[StopOut], openings: Sequence[DayOpening], deposited_usd: Decimal, market_id: int | None
) -> Losses:
    """The same of what is known of an account; `deposited_usd` are all deposits: those since an opening are in it."""
    return Losses(
        last_stop_out_ms=max((each.at_ms for each in stop_outs), default=None),
        stop_outs_here_ms=tuple(each.at_ms for each in stop_outs if each.market_id == market_id),
        openings=tuple(
            EquityThen(day_begin_ms(each.day), each.equity_usd + deposited_usd - each.deposited_usd)
            for each in openings
        ),
    )


def _pnl(position: Position, prices: Prices) -> Decimal:
    price = prices.get(position.market.symbol)
    return ZERO if price is None else valuation.position_pnl(position, price)


def _exposure(held: Holdings, market: Market | None) -> Exposure:
    here = [position for position in held.positions if market and position.market_id == market.pk]
    all_pending = [order for order in held.pending if market and order.market_id == market.pk]
    pending_here = [order for order in all_pending if order.kind in OPENINGS]
    return Exposure(
        positions_notional_usd=sum((position.notional_usd for position in here), ZERO),
        pending_notional_usd=sum((order.collateral_usd * order.leverage for order in pending_here), ZERO),
        position_count=len(here) + sum(order.kind == K.OPEN for order in pending_here),
        has_unresolved_order=any(order.state == OrderState.UNKNOWN for order in all_pending),
    )


def _day(held: Holdings, pnls: Sequence[Decimal]) -> Day:
    """`pnls` are those of the open positions, in order. Without an account the day begins with nothing."""
    opening = held.opening or DayOpening(free_usd=ZERO, collateral_usd=ZERO, unrealised_usd=ZERO, deposited_usd=ZERO)
    at_stops = zip(map(valuation.position_worst_loss, held.positions), pnls, strict=True)
    return Day(
        opening_equity_usd=opening.equity_usd,
        net_deposits_usd=held.deposited_usd - opening.deposited_usd,
        gains_usd=sum(map(valuation.gain_at_risk, held.positions, pnls), ZERO),
        positions_usd=sum((max(worst + min(pnl, ZERO), ZERO) for worst, pnl in at_stops), ZERO),
        pending_usd=sum((order.worst_loss_usd for order in held.pending), ZERO),
        is_locked=opening.locked_at is not None,
    )


def _ending(position_ids: Collection[int | None]) -> set[int]:
    """Those of some positions that closings under way take out whole."""
    if not position_ids:
        return set()
    closings = Order.objects.filter(position__in=position_ids, kind=K.CLOSE, state__in=PENDING)
    sums = closings.values_list("position_id", "position__collateral_usd").annotate(taken=Sum("collateral_usd"))
    return {pk for pk, held, taken in sums if taken >= held}


def reserved(order: Order) -> Decimal:
    """What a pending order will take from the free balance: its collateral and, where it opens, its open fee.

    Of one that rests the venue has the collateral already.
    """
    if order.kind in (K.STOPS, K.TAKE_MARGIN):
        return ZERO
    if order.kind not in OPENINGS:
        return order.collateral_usd
    fee = margin.open_fee(notional_usd=order.collateral_usd * order.leverage, rate=order.market.open_fee_rate)
    return fee if order.state == OrderState.RESTING else order.collateral_usd + fee


def escrowed(pending: Iterable[Order]) -> Decimal:
    """What the venue holds for the orders that rest; part of the equity like the collateral of positions."""
    return sum((order.placement.escrow_usd for order in pending if order.state == OrderState.RESTING), ZERO)


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


def _upside_of(market: Market) -> str:
    upside = Market.objects.filter(price_symbol=market.price_symbol, is_upside=True, is_listed=True).first()
    return upside.symbol if upside else ""
