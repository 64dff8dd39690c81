"""Adding margin to an open position and withdrawing it, DRY and LIVE: decided on the locked row, sent as an order."""

from dataclasses import dataclass, replace
from decimal import Decimal

from django.conf import settings
from django.db.models import Q

from risk import margin_changes, trading_state
from risk.checks import RiskDecision
from risk.margin import Side
from risk.margin_changes import MarginCase
from risk.rules.case import Resulting
from risk.values import OpenPosition
from trading import risk_inputs
from trading.errors import NoOpenPosition, PositionChanged
from trading.limits import limits_of
from trading.models import Order, Position, Trader
from trading.models.loading import with_market
from trading.models.orders import K
from trading.models.traders import Mode
from trading.order_state import PENDING, TERMINAL, OrderState
from trading.services import changing, days, decisions, placing
from trading.services.orders import Origin
from trading.transactions import joined
from vanta import clock
from vanta.money import ZERO


@dataclass(frozen=True, slots=True)
class Preview:
    """What a move would make of a position, and whether it would be let out now."""

    position: Position
    after: Resulting
    decision: RiskDecision
    seen: int


def preview(*, trader: Trader, position_id: int, amount_usd: Decimal) -> Preview:
    """A move of margin (negative: a withdrawal), weighed without being ordered. Raises NoOpenPosition."""
    held = Position.objects.filter(pk=position_id, trader=trader, status=Position.Status.OPEN)
    position = with_market(held, "trader").first()
    if position is None:
        raise NoOpenPosition(trader_id=trader.pk)
    case = case_of(position, amount_usd)
    return Preview(position, case.after, decide(case), changes_of(position))


@joined
def add(
    *, trader: Trader, position_id: int, amount_usd: Decimal, origin: Origin, seen_changes: int | None = None
) -> Order:
    """Order margin into a position: APPROVED and on its way, or DENIED with every reason.

    `seen_changes` is how many changes the card that was tapped knew of: a second tap on it means the position as it was
    then. Raises NoOpenPosition, PositionChanged.
    """
    return _order(trader, position_id, amount_usd, K.ADD_MARGIN, origin, seen_changes)


@joined
def withdraw(
    *, trader: Trader, position_id: int, amount_usd: Decimal, origin: Origin, seen_changes: int | None = None
) -> Order:
    """Order margin out of a position; see `add`. The rules of openings are asked about what is left."""
    return _order(trader, position_id, amount_usd, K.TAKE_MARGIN, origin, seen_changes)


def changes_of(position: Position) -> int:
    """How many orders about a position are under way or done; what came to nothing does not count."""
    came_to_nothing = TERMINAL - {OrderState.FILLED}
    return Order.objects.filter(position=position).exclude(state__in=came_to_nothing).count()


def _order(
    trader: Trader, position_id: int, amount_usd: Decimal, kind: Order.Kind, origin: Origin, seen: int | None
) -> Order:
    position = changing.lock_open(trader, position_id)
    if seen is not None and seen != changes_of(position):
        raise PositionChanged(position_id=position.pk)
    decision = decide(case_of(position, amount_usd if kind == K.ADD_MARGIN else -amount_usd))
    order = changing.draft(position, kind, origin=origin, collateral_usd=amount_usd)
    if kind == K.TAKE_MARGIN and position.trader.blocked_by:
        order.decision = decisions.as_json(decision)
        placing.deny(order, [position.trader.blocked_by])
        return order
    changing.conclude(order, decision)
    if order.state == OrderState.DENIED:
        days.lock_if_reached(order)
    return order


def decide(case: MarginCase) -> RiskDecision:
    """By the rules of its direction."""
    is_addition = case.amount_usd > ZERO
    return margin_changes.evaluate_addition(case) if is_addition else margin_changes.evaluate_withdrawal(case)


def case_of(position: Position, amount_usd: Decimal) -> MarginCase:
    """What the rules look at, now; to bind, the trader's row and the position's must be locked."""
    trader, market, now = position.trader, position.market, clock.now()
    held = risk_inputs.holdings(trader, position.mode)
    account = risk_inputs.account_snapshot(held, market)
    if position.mode == Mode.LIVE:
        live = decisions.live_terms(Order(trader=trader), is_draft=True)
        account = replace(account, live=live)
    return MarginCase(
        amount_usd=amount_usd,
        position=OpenPosition(
            side=Side(position.side),
            entry_price=position.entry_price,
            collateral_usd=position.collateral_usd,
            notional_usd=position.notional_usd,
            accrued_fees_usd=position.accrued_usd,
        ),
        stop_price=position.stop_loss,
        slippage_rate=settings.MAX_SLIPPAGE_PCT,
        account=account,
        market=risk_inputs.market_rules(market, Side(position.side), now),
        mark=held.marks[market.symbol],
        limits=limits_of(trader),
        trading_state=trading_state.current(),
        now_ms=clock.now_ms(),
        is_changing=_is_changing(position, is_addition=amount_usd > ZERO),
    )


def _is_changing(position: Position, *, is_addition: bool) -> bool:
    """Whether something is under way that was priced for the position as it is. Stops matter to withdrawals alone."""
    pending = Order.objects.filter(position=position, state__in=PENDING)
    other_kinds = ~Q(kind=K.OPEN)
    return pending.filter(other_kinds & ~Q(kind=K.STOPS) if is_addition else other_kinds).exists()
