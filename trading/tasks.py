"""Celery's way in. A wake drains what is due and is harmless when it comes twice or never."""

from celery import shared_task

from trading import execution, guardian, reconciliation
from trading.services import orders
from trading.telegram import delivery, updates
from vanta import heartbeat, wake

SHORT = {"ignore_result": True, "acks_late": True}


@shared_task(**SHORT)
def drain_updates() -> None:
    """Handle waiting updates, then carry out what they approved: one hop less for an order."""
    wake.begin("updates")
    if updates.drain():
        execution.drain()


@shared_task(**SHORT)
def drain_orders() -> None:
    """Carry out approved orders and look after those whose fate is not known."""
    wake.begin("orders")
    execution.drain()
    reconciliation.drain()


@shared_task(**SHORT)
def drain_messages() -> None:
    """Send the outbox."""
    wake.begin("messages")
    delivery.drain()


@shared_task(**SHORT)
def expire_drafts() -> None:
    """End drafts whose time is over."""
    orders.expire_drafts()


@shared_task(**SHORT)
def accrue_funding() -> None:
    """Book rollover and funding of DRY positions."""
    guardian.accrue_funding()


@shared_task(**SHORT)
def liquidate_crossed() -> None:
    """Close DRY positions whose liquidation price, stop or take-profit was reached."""
    if guardian.close_crossed():
        execution.drain()


@shared_task(**SHORT)
def canary() -> None:
    """Prove that beat, broker and a trading worker work together; `/readyz` reads when it last did."""
    heartbeat.beat("workers")
