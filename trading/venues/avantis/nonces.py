"""Whether a nonce was used, and as of which block: the one proof that an intent was, or was never, executed.

Time is the chain's. A node that lags, lies about its chain or does not answer proves nothing.
"""

from dataclasses import dataclass
from typing import Any

from eth_utils.crypto import keccak

from trading.models import Receipt
from trading.venues.avantis.client import VenueClient, VenueUnreachable, venue_client
from trading.venues.avantis.verdicts import whole
from vanta import clock

AHEAD_S = 60  # a block this far in the future is no block
_GET_NONCE = "0x" + keccak(text="getNonce(uint192)")[:4].hex()
_SEQUENCE_BITS = 64


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
    own, read before the nonce was, and never later than the block that the venue says it read at. Where it says none,
    its node must have shown that it knows a later one: see `_shown_block_s`.
    """
    client = venue_client()
    try:
        block_time_s = _block_time(client, chain_id)
        told = [client.nonce(owner, nonce) for owner in (trader, signer)]
    except VenueUnreachable:
        return NotTold("unreachable")
    if isinstance(block_time_s, NotTold):
        return block_time_s
    answers = [answer.get("used") for answer in told]
    if any(answer is True for answer in answers):
        return Used(block_time_s)
    if not all(answer is False for answer in answers):
        return NotTold("unreadable")
    read_at = [_read_at(answer) for answer in told]
    if all(read_at):
        return UnusedAt(min(block_time_s, *read_at))
    return _unused_after_a_later_fill(trader, signer, nonce, block_time_s)


def _unused_after_a_later_fill(trader: str, signer: str, nonce: int, block_time_s: int) -> NonceState:
    """The state where the venue names no block: the nonce is asked again, after the venue has shown what it knows."""
    client = venue_client()
    try:
        shown_s = _shown_block_s()
        if shown_s is None:
            return NotTold("no_block")
        answers = [client.nonce(owner, nonce).get("used") for owner in (trader, signer)]
    except VenueUnreachable:
        return NotTold("unreachable")
    if any(answer is True for answer in answers):
        return Used(block_time_s)
    return UnusedAt(min(block_time_s, shown_s)) if all(answer is False for answer in answers) else NotTold("unreadable")


def _shown_block_s() -> int | None:
    """The time of the newest block that the venue's node is known to have seen; None where it is known of none.

    That of the newest fill of ours whose receipt the chain's own node has confirmed, if the venue says that its nonce
    is used. That one node, and not several of different age, answers both questions is the venue's word.
    """
    confirmed = Receipt.objects.filter(outcome=Receipt.Outcome.OK, fill__order__intent__isnull=False)
    newest = confirmed.select_related("fill__order__intent").order_by("-pk").first()
    if newest is None or newest.block_at is None:
        return None
    intent, client = newest.fill.order.intent, venue_client()
    owners = (intent.payload["trader"], intent.payload["signer"])
    is_known = any(client.nonce(owner, int(intent.nonce)).get("used") is True for owner in owners)
    return int(newest.block_at.timestamp()) if is_known else None


def exec_nonce_state(*, account: str, exec_nonce: int, chain_id: int) -> NonceState:
    """The state of an exec nonce of a delegate's account: used once the account's own count is beyond it.

    The account has no code before its first batch: it has used none then. Raises nothing.
    """
    client = venue_client()
    key = exec_nonce >> _SEQUENCE_BITS
    try:
        block_time_s = _block_time(client, chain_id)
        code = client.rpc("eth_getCode", account, "latest")
        asked = {"to": account, "data": f"{_GET_NONCE}{key:064x}"}
        following = _hex(client.rpc("eth_call", asked, "latest")) if code != "0x" else exec_nonce
    except VenueUnreachable:
        return NotTold("unreachable")
    if isinstance(block_time_s, NotTold):
        return block_time_s
    if following is None or following >> _SEQUENCE_BITS != key:
        return NotTold("unreadable")
    return Used(block_time_s) if following > exec_nonce else UnusedAt(block_time_s)


def _block_time(client: VenueClient, chain_id: int) -> int | NotTold:
    """The newest block's, in seconds, of the chain that it must be. Raises VenueUnreachable."""
    if _hex(client.rpc("eth_chainId")) != chain_id:
        return NotTold("other_chain")
    block = client.rpc("eth_getBlockByNumber", "latest", False)
    block_time_s = _hex(block.get("timestamp")) if isinstance(block, dict) else None
    if block_time_s is None or block_time_s > clock.now().timestamp() + AHEAD_S:
        return NotTold("no_block_time")
    return block_time_s


def _read_at(answer: dict[str, Any]) -> int:
    """The time of the block that the venue read at, where it tells; else 0."""
    return whole(answer.get("blockTimestamp")) or 0


def _hex(value: object) -> int | None:
    try:
        return int(value, 16) if isinstance(value, str) else None
    except ValueError:
        return None
