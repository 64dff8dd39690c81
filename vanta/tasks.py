"""The kernel's own background work."""

import structlog
from celery import shared_task
from django.conf import settings

from vanta import audit_watch, blockchain, canaries
from vanta.node import NodeErrors, node

log = structlog.get_logger(__name__)


@shared_task(ignore_result=True)
def observe_chain() -> None:
    """Note the chain's newest block, for the health check; a failure leaves the last one to grow old."""
    try:
        base = node(settings.BASE_RPC_URL).eth
        block, chain_id = base.get_block("latest"), base.chain_id
        blockchain.record_head(int(block["number"]), block_at_s=int(block["timestamp"]), chain_id=int(chain_id))
    except NodeErrors as error:
        log.warning("chain_unreachable", error=type(error).__name__)


@shared_task(name=canaries.TASK, ignore_result=True)
def carry_canary(token: str, queue: str) -> None:
    """Prove that this queue has a worker; `manage.py preflight` waits for it."""
    canaries.sing(token, queue)


@shared_task(ignore_result=True)
def verify_audit() -> None:
    """Look at the next part of the audit log's chain."""
    audit_watch.look()
