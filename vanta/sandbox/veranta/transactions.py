"""Puts transactions on the pretended chain: relayed batches of a delegated account, and a wallet's own signed ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hexbytes import HexBytes

from vanta.sandbox.veranta import accounts, router
from vanta.sandbox.veranta.accounts import wallet_of
from vanta.sandbox.veranta.journal import Cause
from vanta.sandbox.veranta.refusals import Reverted
from vanta.sandbox.world import World

Json = dict[str, Any]


class NotTaken(Exception):
    """The node refuses a transaction; the message is the node's."""


def relay(world: World, asked: Json, tx_hash: str, request_id: str) -> bool:
    """Executes a relay's type-4 transaction; False where it reverts. The books are as before then."""
    exchange = world.exchange
    sender = to_checksum_address(asked["to"])
    cause = Cause(sender, signer=sender, request_id=request_id, tx_hash=tx_hash)
    exchange.journal.changes += 1
    accounts.authorize(exchange.accounts, asked.get("authorizationList") or [])
    if not wallet_of(exchange.accounts, sender).template:
        exchange.journal.transact(cause, to=sender)
        return True
    try:
        batch = accounts.read_batch(exchange.accounts, sender, _bytes(asked["data"]))
        digest = "0x" + batch.digest.hex()
        cause = replace(cause, nonce=batch.nonce, nonce_kind="exec", digest=digest)
        exchange.journal.transact(cause, to=sender)
        router.run(world, sender, batch.to, batch.data, cause)
    except Reverted as error:
        _declined(world, cause, error)
        return False
    accounts.use(exchange.accounts, batch, exchange.blocks.now_s())
    return True


def send(world: World, raw: str) -> str:
    """A wallet's own signed transaction; returns its hash; raises NotTaken."""
    exchange = world.exchange
    sent = _bytes(raw)
    sender = Account.recover_transaction(sent)
    asked, tx_hash = _decoded(sent)
    wallet = wallet_of(exchange.accounts, sender)
    if int(asked["nonce"]) != wallet.nonce:
        raise NotTaken(f"nonce too {'low' if int(asked['nonce']) < wallet.nonce else 'high'}")
    wallet.nonce += 1
    cause = Cause(sender, signer=sender, nonce=int(asked["nonce"]), nonce_kind="account", tx_hash=tx_hash)
    to = to_checksum_address(asked["to"])
    exchange.journal.changes += 1
    exchange.journal.transact(cause, to=to)
    try:
        router.run(world, sender, to, bytes(asked["data"]), cause)
    except Reverted as error:
        _declined(world, cause, error)
    return tx_hash


def _declined(world: World, cause: Cause, error: Reverted) -> None:
    row = world.exchange.journal.decline("reverted", cause)
    row["reason"] = str(error)


def _decoded(sent: bytes) -> tuple[Json, str]:
    if sent[0] > 0x7F:
        raise NotTaken("only typed transactions are taken")
    transaction = TypedTransaction.from_bytes(HexBytes(sent))
    return transaction.as_dict(), "0x" + keccak(sent).hex()


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
