"""Reading trading's tables for people: balances, positions, orders, and the whole chain of one order."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Count, Exists, Min, OuterRef, Q

from feeds.models import Market
from risk import execution_mode, rate_limits, trading_state
from risk.rate_limits import Account
from risk.usage import WINDOWS, Usage
from risk.values import Limits
from trading import openings, risk_inputs
from trading.errors import OrderNotFound
from trading.limits import bindings_of
from trading.models import Attempt, Fill, Intent, Order, OrderEvent, OutboxMessage, Position, Trader, VenueEvent
from trading.order_state import PENDING, OrderState
from vanta.money import ZERO


@dataclass(frozen=True, slots=True)
class Balance:
    """An account in one execution mode, amounts in USDC. The collateral contains what is held for resting orders."""

    mode: str
    free_usd: Decimal
    reserved_usd: Decimal
    collateral_usd: Decimal
    unrealised_pnl_usd: Decimal
    positions: int
    escrow_usd: Decimal = ZERO

    @property
    def equity_usd(self) -> Decimal:
        return self.free_usd + self.collateral_usd + self.unrealised_pnl_usd


@dataclass(frozen=True, slots=True)
class WindowUsage:
    """What is used of one rate limit: openings, or USDC of notional; `next_free_at` is when its oldest part leaves."""

    code: str
    used: Decimal
    limit: Decimal
    next_free_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class OrderChain:
    """Everything that belongs to one order, from the update to the message."""

    order: Order
    events: Sequence[OrderEvent]
    intent: Intent | None
    attempts: Sequence[Attempt]
    fills: Sequence[Fill]
    messages: Sequence[OutboxMessage]
    venue_events: Sequence[VenueEvent] = ()


@dataclass(frozen=True, slots=True)
class SystemStatus:
    """What a trader should know before trading."""

    trading_state: str
    execution_mode: str
    trader_mode: str
    is_active: bool
    stopped_since: dt.datetime | None
    pending_orders: int
    unknown_orders: int
    resting_orders: int = 0


def balance(trader: Trader, mode: str) -> Balance:
    """The trader's account in one execution mode, marked to the current prices."""
    held = risk_inputs.holdings(trader, mode)
    account = risk_inputs.account_snapshot(held)
    return Balance(
        mode=mode,
        free_usd=account.free_usd,
        reserved_usd=account.reserved_usd,
        collateral_usd=account.collateral_usd,
        unrealised_pnl_usd=account.unrealised_pnl_usd,
        positions=len(held.positions),
        escrow_usd=risk_inputs.escrowed(held.pending),
    )


def open_positions(trader: Trader) -> list[Position]:
    """Open positions in both modes, newest first."""
    return list(
        Position.objects.filter(trader=trader, status=Position.Status.OPEN).select_related("market").order_by("-pk")
    )


def open_positions_in(market: Market, trader_id: int) -> list[Position]:
    """A trader's open positions in one market, in both modes, newest first."""
    found = Position.objects.filter(trader_id=trader_id, market=market, status=Position.Status.OPEN)
    return list(found.order_by("-pk"))


def closings_of(position: Position) -> int:
    """How many closings of a position are under way or done; what was refused or withdrawn does not count."""
    ended = (OrderState.DENIED, OrderState.REJECTED, OrderState.CANCELED, OrderState.EXPIRED)
    return Order.objects.filter(position=position, kind=Order.Kind.CLOSE).exclude(state__in=ended).count()


def resting_orders(trader: Trader) -> list[Order]:
    """What waits for its price at the venue, in both modes, newest first; `being_canceled` where a cancel is under way.

    Each with its market and placement.
    """
    canceling = Order.objects.filter(cancels=OuterRef("pk"), state__in=PENDING)
    resting = Order.objects.filter(trader=trader, state=OrderState.RESTING).annotate(being_canceled=Exists(canceling))
    return list(resting.select_related("market", "placement").order_by("-pk"))


def recent_orders(trader: Trader, limit: int = 10) -> list[Order]:
    """The trader's last orders, newest first."""
    return list(Order.objects.filter(trader=trader).select_related("market").order_by("-created_at", "-pk")[:limit])


def listed_markets() -> list[Market]:
    """The markets that can be traded, in the venue's order, without its own long parameters."""
    return list(Market.objects.filter(is_listed=True).defer("venue_params").order_by("group_index", "pair_index"))


def order_chain(order_id: int, *, trader: Trader | None = None) -> OrderChain:
    """The order with all that happened to it. Raises OrderNotFound, also where it is not this trader's."""
    orders = Order.objects.select_related("market", "trader", "position")
    if trader is not None:
        orders = orders.filter(trader=trader)
    order = orders.filter(pk=order_id).first()
    if order is None:
        raise OrderNotFound(order_id=order_id)
    return OrderChain(
        order=order,
        events=list(order.events.order_by("sequence")),
        intent=Intent.objects.filter(order=order).first(),
        attempts=list(Attempt.objects.filter(intent__order=order).order_by("number")),
        fills=list(order.fills.order_by("at")),
        messages=list(order.messages.order_by("pk")),
        venue_events=list(VenueEvent.objects.filter(intent__order=order).order_by("received_at", "seq")),
    )


def system_status(trader: Trader) -> SystemStatus:
    """State, mode and what is under way for this trader."""
    counts = Order.objects.filter(trader=trader, state__in=PENDING).aggregate(
        pending=Count("pk", filter=~Q(state=OrderState.RESTING)),
        unknown=Count("pk", filter=Q(state=OrderState.UNKNOWN)),
        resting=Count("pk", filter=Q(state=OrderState.RESTING)),
    )
    return SystemStatus(
        trading_state=trading_state.current().value,
        execution_mode=str(execution_mode.current()),
        trader_mode=trader.execution_mode,
        is_active=trader.is_active,
        stopped_since=trader.panic.began_at if trader.panic else None,
        pending_orders=counts["pending"],
        unknown_orders=counts["unknown"],
        resting_orders=counts["resting"],
    )


def opening_usage(trader: Trader, mode: str) -> tuple[WindowUsage, ...]:
    """Every rate limit of one account and how much of it is used. Raises RedisDown."""
    return opening_usages([(trader, mode)])[0]


def opening_usages(accounts: Sequence[tuple[Trader, str]]) -> list[tuple[WindowUsage, ...]]:
    """The same of many accounts. Raises RedisDown."""
    bindings = bindings_of(trader for trader, _ in accounts)
    asked = [(Account(trader.pk, mode), bindings[trader.pk].limits) for trader, mode in accounts]
    found = rate_limits.usages(asked, openings.approved_lately)
    return [_windows(usage, limits) for usage, (_, limits) in zip(found, asked, strict=True)]


def _windows(usage: Usage, limits: Limits) -> tuple[WindowUsage, ...]:
    return tuple(
        WindowUsage(
            window.code,
            usage.standings[window.code].used,
            Decimal(getattr(limits, window.limit_name)),
            _leaves_at(usage.standings[window.code].oldest_at_ms, window.length_ms),
        )
        for window in WINDOWS
    )


def _leaves_at(oldest_at_ms: int | None, length_ms: int) -> dt.datetime | None:
    if oldest_at_ms is None:
        return None
    return dt.datetime.fromtimestamp(0, dt.UTC) + dt.timedelta(milliseconds=oldest_at_ms + length_ms)


def least_notional_usd() -> Decimal:
    """The smallest order that any listed market takes; ZERO where none is known."""
    least = Market.objects.filter(is_listed=True).aggregate(least=Min("min_notional_usd"))["least"]
    return least or ZERO
