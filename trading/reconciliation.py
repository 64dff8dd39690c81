"""Finding out what became of orders that were on their way when something stopped: evidence first, then the books."""

import datetime as dt

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Max

from risk import trading_state
from trading import execution
from trading.models import Attempt, Intent, Order
from trading.models.loading import with_market
from trading.order_state import IN_FLIGHT
from trading.venues.base import Outcome, Unknown
from trading.venues.registry import VENUES
from vanta import clock, tracing

log = structlog.get_logger(__name__)
LEASE = dt.timedelta(seconds=6)
BATCH = 25


def drain() -> int:
    """Look at every order in flight whose time has come; each is looked at by one process at a time."""
    count = 0
    while orders := _claim_due():
        for order in orders:
            with tracing.bind_trace(order.trace_id, order_id=order.pk):
                _reconcile_apart(order)
        count += len(orders)
    return count


def _reconcile_apart(order: Order) -> None:
    try:
        reconcile(order)
    except (OperationalError, InterfaceError):
        raise  # the database went away
    except Exception:
        log.exception("reconciliation_failed")  # a defect of ours stops only this order; its turn comes again


@transaction.atomic
def _claim_due() -> list[Order]:
    orders = list(
        with_market(Order.objects.filter(state__in=IN_FLIGHT, next_check_at__lte=clock.now()), "position")
        .select_for_update(of=("self",), skip_locked=True)
        .order_by("next_check_at")[:BATCH]
    )
    Order.objects.filter(pk__in=[order.pk for order in orders]).update(next_check_at=clock.now() + LEASE)
    return orders


def reconcile(order: Order) -> None:
    """Bring one order on by what can be proven. Safe to repeat."""
    intent = Intent.objects.filter(order=order).first()
    if intent is None:
        # Nothing ever left: the message and the claim are committed together, so this is an order of older code.
        log.warning("intent_missing")
        with transaction.atomic():
            execution.prepare([order])
        execution.carry_out([order])
        return
    outcome = VENUES[order.mode].find(intent)
    if isinstance(outcome, Unknown) and clock.now() < intent.deadline:
        outcome = _resubmit(order, intent)
    log.info("order_reconciled", outcome=type(outcome).__name__)
    execution.settle([order], {order.pk: outcome})


def _resubmit(order: Order, intent: Intent) -> Outcome:
    """Send the identical message again, unless the trading state keeps it back: then it is left to expire."""
    if not execution.may_leave(order, trading_state.current()):
        return Unknown("held_back")
    last = Attempt.objects.filter(intent=intent).aggregate(last=Max("number"))["last"] or 0
    Attempt.objects.create(intent=intent, number=last + 1)
    return execution.submit(order.mode, [intent])[intent.nonce]
