"""The kernel's own background work."""

from functools import cache

import structlog
from celery import shared_task
from django.conf import settings
from requests.exceptions import RequestException
from web3 import HTTPProvider, Web3
from web3.exceptions import Web3Exception

from vanta import blockchain

log = structlog.get_logger(__name__)
TIMEOUT_S = 5


@cache
def chain(url: str) -> Web3:
    """The process's client of the Base RPC at `url`."""
    return Web3(HTTPProvider(url, request_kwargs={"timeout": TIMEOUT_S}, exception_retry_configuration=None))


@shared_task(ignore_result=True)
def observe_chain() -> None:
    """Note the chain's newest block, for the health check; a failure leaves the last one to grow old."""
    try:
        blockchain.record_head(chain(settings.BASE_RPC_URL).eth.block_number)
    except (RequestException, Web3Exception, ValueError) as error:
        log.warning("chain_unreachable", error=type(error).__name__)
