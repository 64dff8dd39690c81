"""Celery's way in. A wake drains what is due and is harmless when it comes twice or never."""

from typing import Any

from celery import shared_task
from celery.signals import celeryd_after_setup

from risk import check_in
from trading import (
    accrual,
    buffer_shares,
    delegation,
    execution,
    guardian,
    invariants,
    limit_fills,
    receipt_checks,
    reconciliation,
    signing_watch,
    venue_accounts,
)
from trading.services import days, delegates, orders
from trading.telegram import delivery, updates
from vanta import clock, heartbeat, redis, wake

SHORT = {"ignore_result": True, "acks_late": True}
LIVE = signing_watch.LIVE
MESSAGES_TURN_S = 20  # far below the time limit, with a batch of hanging calls on top
SIGNING_TURN_S = 5  # a venue that hangs holds up one step, not the worker until its time limit
TURN_S = 1  # under a steady stream of updates, orders, stops and liquidations must not wait for its end


@celeryd_after_setup.connect
def say_which_limits(**_: Any) -> None:
    """Every worker starts with limits of its own environment; looser ones than were acknowledged stop openings."""
    check_in.check_in_at_start()


@shared_task(**SHORT)
def drain_updates() -> None:
    """Handle waiting updates, batch by batch with what they approved, until others should have a turn."""
    wake.begin("updates")
    waiting, turn_ends = set[int](), clock.monotonic() + TURN_S
    while updates.handle_batch(waiting):
        execution.drain(reductions_only=not redis.is_reachable())
        if clock.monotonic() > turn_ends:
            wake.publish("updates")
            return


@shared_task(**SHORT)
def drain_orders() -> None:
    """Carry out approved orders and look after those whose fate is not known."""
    wake.begin("orders")
    execution.drain(reductions_only=not redis.is_reachable())
    reconciliation.drain()


@shared_task(**SHORT)
def drain_signing() -> None:
    """What needs delegate keys, in the only worker that can read them: LIVE orders first, then delegates.

    An order that comes meanwhile does not wait for the other delegates.
    """
    wake.begin("signing")
    begun, turn_ends = clock.now(), clock.monotonic() + SIGNING_TURN_S
    execution.drain(reductions_only=not redis.is_reachable(), modes=LIVE)
    reconciliation.drain(modes=LIVE)
    if delegation.drain(lambda: clock.monotonic() < turn_ends and not execution.has_come(begun, modes=LIVE)):
        wake.publish("signing")


@shared_task(**SHORT)
def drain_messages() -> None:
    """Send the outbox for a while; a task that ran into its time limit would send its last messages again."""
    wake.begin("messages")
    turn_ends = clock.monotonic() + MESSAGES_TURN_S
    if delivery.drain(lambda: clock.monotonic() < turn_ends):
        wake.publish("messages")


@shared_task(**SHORT)
def expire_drafts() -> None:
    """End drafts whose time is over."""
    orders.expire_drafts()


@shared_task(**SHORT)
def open_days() -> None:
    """Write down what accounts begin their UTC day with, in its first moments."""
    days.open_days()


@shared_task(**SHORT)
def watch_days() -> None:
    """Lock the day of accounts whose loss, unrealised included, has reached the limit."""
    days.lock_reached()


@shared_task(**SHORT)
def watch_delegates() -> None:
    """End delegates that have expired; warn before that."""
    delegates.watch()


@shared_task(**SHORT)
def accrue_funding() -> None:
    """Book rollover and funding of DRY positions, and bring buffers to the limits as they are now."""
    accrual.accrue_funding()
    buffer_shares.refresh()


@shared_task(**SHORT)
def liquidate_crossed() -> None:
    """Hold the prices against open positions and resting orders; close what they cross, fill what they reach."""
    if guardian.close_crossed():
        execution.drain()
    limit_fills.fill_reached()


@shared_task(**SHORT)
def reconcile_accounts() -> None:
    """Bring LIVE accounts to what the venue says of their wallets."""
    venue_accounts.reconcile_all()


@shared_task(**SHORT)
def check_receipts() -> None:
    """Hold LIVE fills against the chain."""
    receipt_checks.check_due()


@shared_task(**SHORT)
def check_invariants() -> None:
    """Ask whether the books agree with each other; a breach stops openings."""
    invariants.check()


@shared_task(**SHORT)
def canary() -> None:
    """Prove that beat, broker and a trading worker work together; `/readyz` reads when it last did."""
    heartbeat.beat("workers")


@shared_task(**SHORT)
def signing_canary() -> None:
    """The same for the signing worker."""
    heartbeat.beat("signing")
