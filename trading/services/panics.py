"""A trader's emergency stop: nothing of theirs opens any more, then everything is closed, until they resume.

Each step is in force with its commit and needs neither Redis nor a broker. What could not be closed at once is gone
after each second by `follow`, and so is what was on its way and becomes a position later.
"""

import datetime as dt

import structlog
from django.db import InterfaceError, OperationalError, transaction

from risk import trading_state
from risk.trading_state import TradingState
from trading import outbox
from trading.errors import NoOpenPosition, PanicOver
from trading.models import Panic, Position, Trader
from trading.models.loading import lock_traders
from trading.services import canceling, positions
from trading.services.orders import Origin
from trading.services.panic_progress import CANCELED, Progress, Step, progress
from trading.transactions import joined
from vanta import audit, clock, tracing
from vanta.money import ONE

log = structlog.get_logger(__name__)
REASON = "panic"  # of the closings
TURN = dt.timedelta(milliseconds=500)


@joined
def stop_entries(*, trader: Trader, origin: Origin) -> Panic:
    """Let nothing of this trader open from now on, take back what waits, and say what is open, in a new message.

    Again, it only says so again.
    """
    found = _current(trader)
    panic = found or Panic(trader=trader, chat_id=trader.chat_id)
    panic.message_id = None
    panic.save()
    Trader.objects.filter(pk=trader.pk).update(panic=panic)
    trader.panic = panic
    unopened = positions.stop_unopened(trader=trader, market=None, reason=CANCELED)
    outbox.owe_order_cards([order for order in unopened.canceled if order.card_message_id])
    taken_back = canceling.take_back_all(trader=trader, origin=origin)
    _tell(panic, is_asked_for=True)
    if found is None:
        _record(panic, "trader.panic", canceled=len(unopened.canceled), taken_back=len(taken_back))
    return panic


@joined
def close_everything(*, trader: Trader, panic_id: int, message_id: int | None = None) -> Panic:
    """Order one closing of each open position, and go on with those that cannot be ordered now.

    Again, it tries those again that came to nothing: what is being closed is not closed twice. `message_id` is the
    message that shows how it goes from now on. Raises PanicOver.
    """
    panic = _require(trader, panic_id)
    now = clock.now()
    is_first = panic.closing_at is None
    if is_first:
        panic.closing_at = now
    else:
        panic.tried_from = now
    panic.done_at = None
    panic.message_id = message_id or panic.message_id
    panic.save(update_fields=["closing_at", "tried_from", "done_at", "message_id"])
    ordered = _order_closings(panic, trader)
    _tell(panic, is_asked_for=True)
    if is_first:
        _record(panic, "trader.panic_close", ordered=ordered)
    return panic


@joined
def resume(*, trader: Trader, panic_id: int) -> Panic:
    """Let the trader open again; closings that are ordered go on, no more are. Raises PanicOver."""
    panic = _require(trader, panic_id)
    panic.ended_at = clock.now()
    panic.save(update_fields=["ended_at"])
    Trader.objects.filter(pk=trader.pk).update(panic=None)
    trader.panic = None
    _tell(panic, is_asked_for=True)
    _record(panic, "trader.resume")
    return panic


def follow() -> int:
    """Go on with what traders have asked to be closed, for one TURN; how many closings were ordered.

    Who has only stopped is told what becomes of the openings that were under way.
    Each apart, so that it stops only itself. Whoever calls has other work as well, and comes again within a second.
    """
    turn_ends, ordered = clock.monotonic() + TURN.total_seconds(), 0
    held = Panic.objects.filter(done_at__isnull=True, ended_at__isnull=True)
    wanted = held.exclude(closing_at__isnull=True, shown__unresolved=[])
    for panic_id, trader_id in wanted.order_by("closing_at", "pk").values_list("pk", "trader_id"):
        ordered += _follow_apart(panic_id, trader_id)
        if clock.monotonic() > turn_ends:
            break
    return ordered


def _follow_apart(panic_id: int, trader_id: int) -> int:
    try:
        with tracing.bind_trace("", panic_id=panic_id):
            return _follow(panic_id, trader_id)
    except (OperationalError, InterfaceError):
        raise  # the database went away
    except Exception:
        log.exception("panic_failed", panic_id=panic_id)  # a defect at one must not keep the others' positions open
        return 0


@transaction.atomic
def _follow(panic_id: int, trader_id: int) -> int:
    lock_traders([trader_id])
    panic = Panic.objects.select_related("trader").filter(pk=panic_id, done_at=None, ended_at=None).first()
    if panic is None:
        return 0
    ordered = _order_closings(panic, panic.trader)
    _tell(panic)
    return ordered


def _current(trader: Trader) -> Panic | None:
    """The panic that holds, under the lock on its trader."""
    lock_traders([trader.pk])
    return Panic.objects.filter(trader=trader, ended_at__isnull=True).first()


def _require(trader: Trader, panic_id: int) -> Panic:
    panic = _current(trader)
    if panic is None or panic.pk != panic_id:
        raise PanicOver(panic_id=panic_id)
    return panic


def _order_closings(panic: Panic, trader: Trader) -> int:
    """None in a halt: they would be denied, each second again."""
    if panic.closing_at is None or trading_state.current() is TradingState.HALTED:
        return 0
    due = [each.position for each in progress(panic).open if each.step == Step.DUE]
    return sum(_order_closing(trader, position) for position in due)


def _order_closing(trader: Trader, position: Position) -> int:
    """All that is left of it; its order has no card of its own: the panic's message tells."""
    try:
        with transaction.atomic():
            positions.close(trader=trader, positions=[position], share=ONE, origin=Origin(), reason=REASON)
    except NoOpenPosition:
        return 0  # it ended, or is being closed
    except (OperationalError, InterfaceError):
        raise
    except Exception:
        log.exception("closing_failed", position_id=position.pk)  # the next look tries again
        return 0
    return 1


def _tell(panic: Panic, *, is_asked_for: bool = False) -> None:
    """Owe the message where it would say something else than before; the last word is that all is closed."""
    now: Progress = progress(panic)
    if now.is_done and panic.ended_at is None and panic.closing_at is not None:
        panic.done_at = clock.now()
        log.info("panic_done", closed=now.closed, trader_id=panic.trader_id)
    told = now.as_json()
    if is_asked_for or told != panic.shown:
        outbox.owe(panic.chat_id, outbox.PANIC_CARD, {"panic": panic.pk})
    panic.shown = told
    panic.save(update_fields=["shown", "done_at"])


def _record(panic: Panic, action: str, **after: int) -> None:
    trader = panic.trader
    actor = f"telegram:{trader.telegram_id} {trader.username or trader.first_name}"
    audit.append(actor=actor, action=action, subject=f"trader:{trader.pk}", after={"panic": panic.pk, **after})
    log.warning(action.replace(".", "_"), trader_id=trader.pk, **after)
