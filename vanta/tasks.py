"""The kernel's own background work."""

import structlog
from celery import shared_task
from django.conf import settings

from vanta import blockchain
from vanta.node import NodeErrors, node

log = structlog.get_logger(__name__)


@shared_task(ignore_result=True)
def observe_chain() -> None:
    """Note the chain's newest block, for the health check; a failure leaves the last one to grow old."""
    try:
        blockchain.record_head(node(settings.BASE_RPC_URL).eth.block_number)
    except NodeErrors as error:
        log.warning("chain_unreachable", error=type(error).__name__)
