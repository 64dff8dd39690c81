"""Whether a nonce was used, and as of which block: the one proof that an intent was never executed.

Time is the chain's. A node that lags, lies about its chain or does not answer proves nothing.
"""

from dataclasses import dataclass
from typing import Any

from trading.venues.avantis.client import VenueUnreachable, venue_client
from trading.venues.avantis.verdicts import whole
from vanta import clock

AHEAD_S = 60  # a block this far in the future is no block


@dataclass(frozen=True, slots=True)
class Used:
    """Consumed, by an execution or by a cancellation, at or before a block of this time."""

    block_time_s: int


@dataclass(frozen=True, slots=True)
class UnusedAt:
    """Not consumed as of a block of this time."""

    block_time_s: int


@dataclass(frozen=True, slots=True)
class NotTold:
    """Nobody can say."""

    reason: str


NonceState = Used | UnusedAt | NotTold


def nonce_state(*, trader: str, signer: str, nonce: int, chain_id: int) -> NonceState:
    """The state of one nonce. Raises nothing.

    The venue's answer has been seen by nobody here (unverified): its shape is taken to be `{used: bool}`, with the
    block it was read at where it says so, and whether a nonce is the trader's or the signer's own is not known. So
    both are asked: used is what either says is used, unused what both say is unused. The block's time is the chain's
    own, read before the nonce was; the margin that the caller adds covers what the venue's node is behind.
    """
    client = venue_client()
    try:
        if _hex(client.rpc("eth_chainId")) != chain_id:
            return NotTold("other_chain")
        block = client.rpc("eth_getBlockByNumber", "latest", False)
        told = [client.nonce(owner, nonce) for owner in (trader, signer)]
    except VenueUnreachable:
        return NotTold("unreachable")
    block_time_s = _hex(block.get("timestamp")) if isinstance(block, dict) else None
    if block_time_s is None or block_time_s > clock.now().timestamp() + AHEAD_S:
        return NotTold("no_block_time")
    answers = [answer.get("used") for answer in told]
    if any(answer is True for answer in answers):
        return Used(block_time_s)
    if not all(answer is False for answer in answers):
        return NotTold("unreadable")
    return UnusedAt(min([block_time_s, *(_read_at(answer) for answer in told if _read_at(answer))]))


def _read_at(answer: dict[str, Any]) -> int:
    """The time of the block that the venue read at, where it tells; else 0."""
    return whole(answer.get("blockTimestamp")) or 0


def _hex(value: object) -> int | None:
    try:
        return int(value, 16) if isinstance(value, str) else None
    except ValueError:
        return None
