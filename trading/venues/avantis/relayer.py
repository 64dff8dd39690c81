"""The venue's relayer: hands ready transactions to the chain, and says what it heard of them. Its word proves nothing.

Every submission is one POST: the SDK's own function repeats it while the relayer is busy, which no attempt would show.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from http import HTTPStatus
from typing import Any

import structlog
from veranta_sdk import AsyncVeranta
from veranta_sdk.errors import RelayError

from trading.venues.avantis import client
from trading.venues.avantis.client import Answer, venue_client
from vanta import clock

log = structlog.get_logger(__name__)


class Heard(StrEnum):
    """What the relayer says of a request; only the first may still change."""

    IN_FLIGHT = "RelayInFlight"
    FINALISED = "RelayFinalised"  # in a block, and not reverted: perhaps without having done anything
    REVERTED = "RelayReverted"
    FAILED = "RelayFailed"  # given up on; it may be in a block all the same, also later
    FORGOTTEN = "RelayForgotten"


@dataclass(frozen=True, slots=True)
class Relay:
    """One transaction on its way; `key` is the caller's own name for it. It does not leave after `start_by`."""

    key: str
    wallet: str
    tx_params: Mapping[str, Any] = field(repr=False)
    start_by: float | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """The relayer's word on one request."""

    heard: Heard
    transaction_hash: str = ""


def post_all(relays: Sequence[Relay], keep: Callable[[str, Answer], None]) -> None:
    """Send transactions, all at once; `keep` is called in this thread as each was taken, refused or given up."""
    begun = {venue_client().begin(partial(_post, relay)): relay.key for relay in relays}
    waiting = set(begun.values())
    try:
        for future in as_completed(begun, timeout=client.ACCEPT_WITHIN_S + 1):
            keep(begun[future], future.result())
            waiting.discard(begun[future])
    except TimeoutError:
        log.warning("relaying_gave_up", waiting=len(waiting))
        for key in waiting:
            keep(key, Answer("no_answer", error="gave_up"))
    finally:
        for future in begun:
            future.cancel()


async def _post(relay: Relay, sdk: AsyncVeranta) -> Answer:
    try:
        async with asyncio.timeout(client.ACCEPT_WITHIN_S):
            if relay.start_by is not None and clock.monotonic() > relay.start_by:
                return Answer("no_answer", error="paused")
            url = f"{sdk.config.relayer_url.rstrip('/')}/relays"
            body = {"txParams": dict(relay.tx_params), "wallet": relay.wallet}
            told = await sdk.transport.request("POST", url, json=body, retries=0)
            if told.status_code >= HTTPStatus.BAD_REQUEST:
                return Answer("refused", http_status=told.status_code, error=told.text[:200])
            request_id = str(told.json().get("requestId") or "")[:90]
    except Exception as error:  # whatever broke on the way: nobody can say what left
        return Answer("no_answer", error=f"{type(error).__name__}: {error}"[:200])
    return Answer("accepted" if request_id else "no_answer", tracking_id=request_id)


def hear(request_ids: Sequence[str]) -> dict[str, Told]:
    """What the relayer says of these requests, all asked at once; those that it did not answer are left out."""
    begun = {venue_client().begin(partial(_status, request_id)): request_id for request_id in request_ids}
    found: dict[str, Told] = {}
    try:
        for future in as_completed(begun, timeout=client.ASK_WITHIN_S + 1):
            if (told := future.result()) is not None:
                found[begun[future]] = told
    except TimeoutError:
        log.warning("relayer_gave_no_answer", asked=len(begun))
    finally:
        for future in begun:
            future.cancel()
    return found


async def _status(request_id: str, sdk: AsyncVeranta) -> Told | None:
    try:
        async with asyncio.timeout(client.ASK_WITHIN_S):
            told = await sdk.engine.relayer.status(request_id)
    except RelayError:
        return Told(Heard.FORGOTTEN)
    except Exception as error:
        log.info("relay_not_told", error=type(error).__name__)
        return None
    if not told.settled:
        return Told(Heard.IN_FLIGHT)
    if told.success:
        return Told(Heard.FINALISED, str(told.tx_hash or "")[:66])
    return Told(Heard.REVERTED if told.receipt else Heard.FAILED, str(told.tx_hash or "")[:66])
