"""The emergency stop, drilled: halt for real, see an opening denied by the way that all openings go, and end the halt.

The order is a paper trader's who exists for the moment only: trader, balance and order are written and rolled back in
one transaction, so that they are in nobody's books. The halt is real, and in the audit log with its end. Ending it is
the only resuming that no super admin does: what held before holds again, and only if nobody has changed it meanwhile.
Whoever is killed in between leaves trading halted.
"""

import datetime as dt
import getpass
import secrets
from dataclasses import dataclass
from decimal import Decimal

import structlog
from django.conf import settings
from django.db import transaction

from adminpanel.preflight.findings import Finding, amber, green, red
from feeds.consensus import MarkPrice
from feeds.models import Market
from feeds.selectors import mark_prices, open_markets
from risk import drills, execution_mode, trading_state
from risk.execution_mode import ExecutionMode
from risk.margin import Side
from risk.models import TradingStateChange
from risk.trading_state import ChangedMeanwhile, TradingState
from trading.errors import LimitsUnreachable, PricesUnreachable
from trading.history import record_draft
from trading.models import Order, Trader
from trading.models.traders import Mode
from trading.order_state import OrderState
from trading.services import placing
from trading.services.stopping import uncaught
from trading.services.traders import register_trader
from vanta import clock, tracing

log = structlog.get_logger(__name__)
REASON = "drill of the emergency stop by preflight"
CODE = "trading_state"
LEVERAGE = Decimal(2)
NOTIONALS = Decimal(2)  # of the smallest order
BIT = 62


@dataclass(frozen=True, slots=True)
class Quoted:
    """A market that can be drilled in, with its price."""

    market: Market
    mark: MarkPrice


def emergency_stop(*, is_forced: bool = False) -> Finding:
    """`is_forced`: although trading is stopped already, or somebody would notice."""
    state, quoted = trading_state.current(), _quoted()
    if quoted is None:
        return amber("Not drilled: no open market has a price.", "See multi-source-prices.")
    if not is_forced and (obstacle := _obstacle(state)):
        return amber(f"Not drilled: {obstacle}.", "manage.py preflight --drill, when nobody is disturbed.")
    return _drill(quoted)


def _obstacle(state: TradingState) -> str:
    """Why a halt would be more than a drill."""
    if state is not TradingState.ACTIVE:
        return f"trading is {state.upper()}"
    live = Trader.objects.filter(execution_mode=Mode.LIVE, is_active=True).count()
    if live and execution_mode.current() == ExecutionMode.LIVE:
        return f"{live} traders trade with real money"
    caught = uncaught()
    waiting = caught.unsent + caught.resting + caught.under_way
    return f"{waiting} openings wait or are under way, and a halt takes them back" if waiting else ""


def _drill(quoted: Quoted) -> Finding:
    actor = f"preflight:{getpass.getuser()}"
    started = clock.monotonic()
    try:
        drill = drills.begin(actor=actor, reason=REASON)
    except ChangedMeanwhile:
        return amber("Not drilled: somebody changes the trading state right now.", "Ask who: Controls.")
    try:
        order = _denied_order(quoted)
    finally:
        ended = drills.end(drill, actor=actor, reason=f"end of the {REASON}")
    return _judged(order, ended, round((clock.monotonic() - started) * 1000))


def _judged(order: Order | None, ended: TradingStateChange | None, lasted_ms: int) -> Finding:
    state = trading_state.current().upper()
    if order is None:
        return red(
            f"Halted, but the opening could not be decided on; now {state}.", "Redis and prices: see the other checks."
        )
    codes = [denial["code"] for denial in order.decision.get("denials", [])]
    if order.state != OrderState.DENIED or CODE not in codes:
        return red(f"Halted, and an opening was {order.state}; now {state}.", "Do not go LIVE: this is a defect.")
    if ended is None:
        return amber(
            f"An opening was denied; somebody else has stopped meanwhile, and it stays {state}.", "Ask who: Controls."
        )
    return green(f"Halted, an opening was denied, and it is {state} again after {lasted_ms} ms.")


def _quoted() -> Quoted | None:
    symbols = [ref.symbol for ref in open_markets()]
    marks = mark_prices(symbols)
    markets = Market.objects.filter(symbol__in=symbols, is_listed=True, is_close_only=False).order_by("pair_index")
    for market in markets:
        mark = marks.get(market.symbol)
        if isinstance(mark, MarkPrice):
            return Quoted(market, mark)
    return None


@transaction.atomic
def _denied_order(quoted: Quoted) -> Order | None:
    """Decided on and rolled back; None where no decision was possible."""
    # Nobody has this number: Telegram's are positive. The one of a drill that runs beside is another.
    number = -(secrets.randbits(BIT) + 1)
    trader = register_trader(telegram_id=number, chat_id=number, first_name="Drill")
    order = Order.objects.create(
        trader=trader,
        market=quoted.market,
        kind=Order.Kind.OPEN,
        side=Side.LONG,
        collateral_usd=max(quoted.market.min_notional_usd, Decimal(1)) * NOTIONALS / LEVERAGE,
        leverage=LEVERAGE,
        quoted_price=quoted.mark.price,
        trace_id=tracing.current_trace_id(),
        valid_until=clock.now() + dt.timedelta(seconds=settings.DRAFT_VALID_S),
    )
    record_draft(order)
    try:
        return placing.place(trader=trader, order_id=order.pk)
    except (PricesUnreachable, LimitsUnreachable) as error:
        log.warning("drill_undecided", error=type(error).__name__)
        return None
    finally:
        transaction.set_rollback(True)
