"""The pretended trading router and USDC: what a transaction's call does for the account that sends it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from vanta.sandbox.veranta import resting
from vanta.sandbox.veranta.abi import decode_call
from vanta.sandbox.veranta.addresses import TRADING_ROUTER, TRADING_STORAGE, USDC
from vanta.sandbox.veranta.adjusting import update_margin
from vanta.sandbox.veranta.executing import cause_of, opening
from vanta.sandbox.veranta.intents import BadIntent, read_intent
from vanta.sandbox.veranta.journal import Cause
from vanta.sandbox.veranta.matching import MARKET, MARKET_PNL, close_position, increase_position, open_position
from vanta.sandbox.veranta.positions import OpenPosition, RestingOrder
from vanta.sandbox.veranta.refusals import Canceled, Reverted
from vanta.sandbox.world import World

Json = dict[str, Any]
# The hash of the terms that a trader signs with a delegation; another text is refused.
TERMS_HASH = "81c8986ee81f48014013a6a4dc8ca017ca18fb73c9e5964f4cb030a4136307e1"
IDENTITY = f"0x{4:040x}"  # the precompile that gives back what it is given: whatever is sent there does nothing
_OF_THE_TRADER_ALONE = frozenset({"delegatedAction", "removeDelegate", "setDelegateWithSig", "approve"})


@dataclass(frozen=True, slots=True)
class Sent:
    """A call on its way: the account that it acts for, and why it comes."""

    world: World
    account: str
    cause: Cause


def run(world: World, sender: str, to: str, data: bytes, cause: Cause) -> None:
    """Carries a call out and journals what it did; raises Reverted with nothing changed."""
    if to.lower() == IDENTITY:
        return
    name, arguments = _read(data)
    place = {"approve": USDC}.get(name, TRADING_ROUTER)
    if to.lower() != place.lower():
        raise Reverted("UnknownContract")
    sent = Sent(world, to_checksum_address(sender), cause)
    if name == "delegatedAction":
        sent, name, arguments = _delegated(sent, arguments)
    try:
        _HANDLERS[name](sent, arguments)
    except Canceled as error:
        row = world.exchange.journal.decline("canceled", sent.cause)
        row["reason"] = str(error)


def _read(data: bytes) -> tuple[str, Json]:
    try:
        return decode_call(data)
    except Exception as error:
        # Whatever the decoders raise on hostile bytes: on the chain it is one thing, a revert.
        raise Reverted(f"InvalidCalldata {type(error).__name__}") from error


def _delegated(sent: Sent, arguments: Json) -> tuple[Sent, str, Json]:
    trader = to_checksum_address(arguments["trader"])
    if sent.world.exchange.delegate_expiry(trader, sent.account) <= sent.world.exchange.blocks.now_s():
        raise Reverted("NotDelegate")
    name, inner = _read(arguments["call"])
    if name in _OF_THE_TRADER_ALONE:
        raise Reverted("NotForDelegates")
    return replace(sent, account=trader, cause=replace(sent.cause, trader=trader)), name, inner


def _set_delegate(sent: Sent, arguments: Json) -> None:
    exchange = sent.world.exchange
    try:
        asked = read_intent("DelegateReq", arguments["req"].hex(), arguments["signature"].hex())
    except BadIntent as error:
        raise Reverted("InvalidSignature") from error
    message = asked.message
    if asked.signer.lower() != asked.trader.lower():
        raise Reverted("InvalidSignature")
    if keccak(text=message["tnc"]).hex() != TERMS_HASH:
        raise Reverted("WrongTerms")
    if asked.deadline_ms < exchange.blocks.next().timestamp_s * 1000:
        raise Reverted("DeadlinePassed")
    if message["expiry"] <= exchange.blocks.now_s():
        raise Reverted("InvalidExpiry")
    if not exchange.use_nonce(asked.trader, asked.nonce, asked.signer):
        raise Reverted("NonceAlreadyUsed")
    delegate = to_checksum_address(message["delegate"])
    exchange.set_delegate(asked.trader, delegate, message["expiry"])
    detail = {"delegate": delegate, "expiry": message["expiry"], "sentBy": sent.account}
    cause = replace(cause_of(asked), request_id=sent.cause.request_id, tx_hash=sent.cause.tx_hash)
    exchange.journal.record("delegate_set", cause, detail=detail)


def _remove_delegate(sent: Sent, arguments: Json) -> None:
    delegate = to_checksum_address(arguments["delegate"])
    if not sent.world.exchange.delegate_expiry(sent.account, delegate):
        raise Reverted("NoDelegate")
    sent.world.exchange.set_delegate(sent.account, delegate, 0)
    sent.world.exchange.journal.record("delegate_remove", sent.cause, detail={"delegate": delegate, "expiry": 0})


def _open(sent: Sent, arguments: Json) -> None:
    trade = {**arguments["trade"], "trader": to_checksum_address(arguments["trade"]["trader"])}
    if trade["trader"] != sent.account:
        raise Reverted("NotTheTrader")
    asked = opening({"_t": trade, "_type": arguments["orderType"], "_slippageP": arguments["slippageP"]})
    if asked.order_type in {MARKET, MARKET_PNL}:
        open_position(sent.world, sent.cause, asked)
    else:
        resting.place(sent.world, sent.cause, asked)


def _increase(sent: Sent, arguments: Json) -> None:
    info = {**arguments["info"], "trader": to_checksum_address(arguments["info"]["trader"])}
    if info["trader"] != sent.account:
        raise Reverted("NotTheTrader")
    increase_position(sent.world, sent.cause, info, arguments["slippageP"])


def _close(sent: Sent, arguments: Json) -> None:
    close_position(sent.world, sent.cause, _position(sent, arguments), arguments["amount"])


def _update_margin(sent: Sent, arguments: Json) -> None:
    update_margin(sent.world, sent.cause, _position(sent, arguments), arguments["action"], arguments["amount"])


def _update_order(sent: Sent, arguments: Json) -> None:
    changes = {
        "price": arguments["price"],
        "slippage_p": arguments["slippageP"],
        "take_profit": arguments["tp"],
        "stop_loss": arguments["sl"],
    }
    resting.update(sent.world, sent.cause, _order(sent, arguments), changes)


def _cancel_order(sent: Sent, arguments: Json) -> None:
    resting.cancel(sent.world, sent.cause, _order(sent, arguments))


def _approve(sent: Sent, arguments: Json) -> None:
    """Only the storage's allowance is kept; one for another spender is granted and forgotten."""
    if arguments["spender"].lower() != TRADING_STORAGE.lower():
        return
    sent.world.exchange.set_allowance(sent.account, arguments["amount"])
    detail = {"allowance": str(sent.world.exchange.allowance(sent.account))}
    sent.world.exchange.journal.record("approve", sent.cause, detail=detail)


def _position(sent: Sent, arguments: Json) -> OpenPosition:
    found = sent.world.exchange.find(sent.account, arguments["pairIndex"], arguments["index"])
    if found is None:
        raise Reverted("NoTrade")
    return found


def _order(sent: Sent, arguments: Json) -> RestingOrder:
    found = sent.world.exchange.find_resting(sent.account, arguments["pairIndex"], arguments["index"])
    if found is None:
        raise Reverted("NoLimitOrder")
    return found


_HANDLERS: dict[str, Callable[[Sent, Json], None]] = {
    "setDelegateWithSig": _set_delegate,
    "removeDelegate": _remove_delegate,
    "openTrade": _open,
    "increasePosition": _increase,
    "closeTradeMarket": _close,
    "updateMargin": _update_margin,
    "updateOpenLimitOrder": _update_order,
    "cancelOpenLimitOrder": _cancel_order,
    "approve": _approve,
}
