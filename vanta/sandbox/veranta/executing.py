"""Executes a signed intent once: checks its deadline against the chain, uses its nonce, and does what it says."""

from __future__ import annotations

from typing import Any

from eth_utils.address import to_checksum_address

from vanta.sandbox.veranta.intents import Intent
from vanta.sandbox.veranta.journal import Cause
from vanta.sandbox.veranta.matching import MARKET, Fill, Opening, close_position, increase_position, open_position
from vanta.sandbox.veranta.refusals import Canceled, Reverted
from vanta.sandbox.world import World

Json = dict[str, Any]


class NotExecuted(Exception):
    """The transaction did not come about; the nonce is unused by it. `code` is the venue's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class NonceUsed(NotExecuted):
    """Another transaction has used the nonce."""


def cause_of(intent: Intent, tracking_id: str | None = None, *, trader: str | None = None) -> Cause:
    """Why a signed intent's effect happens; `trader` where the message does not name it."""
    return Cause(
        trader=trader or intent.trader,
        signer=intent.signer,
        nonce=intent.nonce,
        nonce_kind="intent",
        digest="0x" + intent.digest.hex(),
        tracking_id=tracking_id,
    )


def claim(world: World, intent: Intent) -> None:
    """What the contract asks of every intent, in its order; raises NotExecuted and changes nothing then."""
    exchange = world.exchange
    if intent.deadline_ms < exchange.blocks.next().timestamp_s * 1000:
        raise NotExecuted("TX_NOT_EXECUTED", "the deadline has passed")
    if exchange.has_used(intent.trader, intent.nonce):
        raise NonceUsed("NonceAlreadyUsed", "nonce already used")
    if not exchange.may_sign(intent.trader, intent.signer):
        raise NotExecuted("NotDelegate", "the signer is not the trader nor an active delegate")


def execute(world: World, intent: Intent, tracking_id: str, canceled: str | None = None) -> Fill:
    """One market intent. `canceled` is a reason for which the protocol declines the fill.

    Raises Canceled with the nonce used, NotExecuted with nothing changed.
    """
    claim(world, intent)
    cause = world.exchange.journal.with_hash(cause_of(intent, tracking_id))
    try:
        if canceled:
            raise Canceled(canceled)
        fill = _act(world, intent, cause)
    except Reverted as error:
        raise NotExecuted(str(error), f"execution reverted: {error}") from error
    except Canceled as error:
        world.exchange.use_nonce(intent.trader, intent.nonce, intent.signer)
        _decline(world, intent, cause, str(error))
        raise
    world.exchange.use_nonce(intent.trader, intent.nonce, intent.signer)
    return fill


def _act(world: World, intent: Intent, cause: Cause) -> Fill:
    if intent.kind == "OpenTradeReq":
        return open_position(world, cause, opening(intent.message))
    if intent.kind == "IncreasePositionSizeReq":
        return increase_position(world, cause, intent.message["_updateInfo"], intent.message["_slippageP"])
    asked = intent.message
    position = world.exchange.find(intent.trader, asked["_pairIndex"], asked["_index"])
    if position is None or position.opened_at_s != asked["_openTimestamp"]:
        raise Canceled("NoTrade")
    return close_position(world, cause, position, asked["_amount"])


def opening(message: Json) -> Opening:
    """The opening that an OpenTradeReq, or a call of openTrade, asks for."""
    trade: Json = message["_t"]
    return Opening(
        trader=to_checksum_address(trade["trader"]),
        pair_index=trade["pairIndex"],
        is_long=trade["buy"],
        collateral=trade["positionSizeUSDC"],
        leverage=trade["leverage"],
        wanted_price=trade["openPrice"],
        slippage_p=message["_slippageP"],
        take_profit=trade["tp"],
        stop_loss=trade["sl"],
        order_type=message.get("_type", MARKET),
    )


def _decline(world: World, intent: Intent, cause: Cause, reason: str) -> None:
    asked: Json = intent.message.get("_t") or intent.message.get("_updateInfo") or intent.message
    known = {
        "pairIndex": asked.get("pairIndex", asked.get("_pairIndex")),
        "index": asked.get("index", asked.get("_index")),
        "orderId": world.exchange.next_order_id(),
    }
    row = world.exchange.journal.decline("canceled", cause, **known)
    row["reason"] = reason
