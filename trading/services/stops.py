"""Changing stop and take-profit of a whole position: a decision on the locked row, an order of its own.

What tightens goes out whatever the limits, the price or Redis say; what loosens is weighed like an opening.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Final

from django.conf import settings

from feeds import selectors as feeds
from feeds.consensus import MarkPrice, NoConsensus
from risk import stop_changes, trading_state
from risk.checks import Case, OpeningRequest, OpenPosition
from risk.margin import Side
from risk.stop_changes import StopChange
from trading import risk_inputs
from trading.errors import StopsUnchanged
from trading.limits import limits_of
from trading.models import Order, Position, Trader
from trading.models.orders import K
from trading.order_state import PENDING, OrderState
from trading.services import changing, days, placing
from trading.services.orders import Origin
from trading.transactions import joined
from vanta import clock


class Kept(Enum):
    """A level that is not mentioned."""

    KEEP = "keep"


KEEP: Final = Kept.KEEP
Wish = Decimal | None | Kept  # None: there is to be none


@dataclass(frozen=True, slots=True)
class Stops:
    """Both levels of a position; None where there is none."""

    stop_loss: Decimal | None
    take_profit: Decimal | None


@joined
def change_stops(
    *, trader: Trader, position_id: int, stop_loss: Wish = KEEP, take_profit: Wish = KEEP, origin: Origin
) -> Order:
    """An order for both levels, approved or denied with every reason. What is on its way counts as what holds.

    An update changes the stops of a position once: handled again, it answers the same order. Raises NoOpenPosition,
    and StopsUnchanged where the levels are these already.
    """
    position = changing.lock_open(trader, position_id)
    known = Order.objects.filter(position=position, kind=K.STOPS, update_id=origin.update_id)
    if origin.update_id is not None and (handled := known.first()):
        return handled
    pending = list(Order.objects.filter(position=position, kind=K.STOPS, state__in=PENDING).order_by("pk"))
    now = _stops(pending[-1] if pending else position)
    wanted = Stops(
        now.stop_loss if isinstance(stop_loss, Kept) else stop_loss,
        now.take_profit if isinstance(take_profit, Kept) else take_profit,
    )
    if wanted == now:
        raise StopsUnchanged(position.pk, is_on_its_way=bool(pending))
    case = _case(position, wanted)
    change = _change(position, now, pending, case.mark)
    order = changing.draft(
        position,
        K.STOPS,
        origin=origin,
        stop_loss=wanted.stop_loss,
        take_profit=wanted.take_profit,
        loosens=stop_changes.loosens(case, change),
    )
    if order.loosens and (obstacle := _obstacle(position)):
        placing.deny(order, [obstacle])
        return order
    changing.conclude(order, stop_changes.decide(case, change))
    if order.state == OrderState.DENIED:
        days.lock_if_reached(order)
    return order


def _obstacle(position: Position) -> str:
    """What keeps a stop from being loosened that no check knows of: the position is weighed as it is, without these."""
    if position.trader.blocked_by:
        return position.trader.blocked_by
    growing = Order.objects.filter(position=position, kind__in=[K.INCREASE, K.TAKE_MARGIN], state__in=PENDING)
    return "order_under_way" if growing.exists() else ""


def _stops(row: Order | Position) -> Stops:
    return Stops(row.stop_loss, row.take_profit)


def _case(position: Position, wanted: Stops) -> Case:
    """The position as it would be, in its account as that would be."""
    held = risk_inputs.holdings(position.trader, position.mode)
    for each in held.positions:
        if each.pk == position.pk:
            each.stop_loss = wanted.stop_loss
    side = Side(position.side)
    return Case(
        order=OpeningRequest(
            market=position.market.symbol,
            side=side,
            collateral_usd=position.collateral_usd,
            leverage=position.leverage,
            stop_price=wanted.stop_loss,
            take_profit_price=wanted.take_profit,
            slippage_rate=settings.MAX_SLIPPAGE_PCT,
        ),
        account=risk_inputs.account_snapshot(held),
        market=risk_inputs.market_rules(position.market, side, clock.now()),
        mark=held.marks[position.market.symbol],
        limits=limits_of(position.trader),
        trading_state=trading_state.current(),
        now_ms=clock.now_ms(),
    )


def _change(position: Position, now: Stops, pending: Sequence[Order], mark: MarkPrice | NoConsensus) -> StopChange:
    side = Side(position.side)
    rows: list[Order | Position] = [position, *pending]
    stops = [row.stop_loss for row in rows if row.stop_loss is not None]
    return StopChange(
        position=OpenPosition(
            side=side,
            entry_price=position.entry_price,
            collateral_usd=position.collateral_usd,
            notional_usd=position.notional_usd,
            accrued_fees_usd=position.accrued_usd,
        ),
        liquidation_price=position.liquidation_price,
        stop_was=(max if side is Side.LONG else min)(stops, default=None),
        take_profit_was=now.take_profit,
        known=mark if isinstance(mark, MarkPrice) else feeds.last_mark(position.market.symbol),
    )
