"""The venue's journal: each effect once, in order, and the transactions that carried them. Judges read nothing else."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from eth_utils.crypto import keccak

from vanta.sandbox.blocks import Blocks

Json = dict[str, Any]
FIELDS = (
    *("pairIndex", "index", "orderId", "isLong", "collateral", "leverage", "price", "paidOut"),
    *("takeProfit", "stopLoss", "openedAt", "detail"),
)
KEPT = 10_000  # submissions
_RAW = frozenset({"collateral", "leverage", "price", "paidOut", "takeProfit", "stopLoss", "orderId"})


@dataclass(frozen=True, slots=True)
class Cause:
    """Why something happens at the venue: whose account, who signed, under which nonce, by which request."""

    trader: str
    signer: str | None = None
    nonce: int | None = None
    nonce_kind: str = "none"
    digest: str | None = None
    tracking_id: str | None = None
    request_id: str | None = None
    reason: str | None = None
    tx_hash: str | None = None

    def as_json(self) -> Json:
        return {
            "trader": self.trader,
            "signer": self.signer,
            "nonce": None if self.nonce is None else str(self.nonce),
            "nonceKind": self.nonce_kind,
            "digest": self.digest,
            "trackingId": self.tracking_id,
            "requestId": self.request_id,
            "reason": self.reason,
        }


@dataclass(slots=True)
class Transaction:
    """One transaction in a block; `effects` are the numbers of what it did."""

    tx_hash: str
    sender: str
    to: str
    block_number: int
    block_timestamp_s: int
    succeeded: bool
    effects: list[int] = field(default_factory=list)


class Journal:
    """`effects` happened; of `declined` only the nonce was used. `changes` counts everything that was written."""

    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks
        self.effects: list[Json] = []
        self.declined: list[Json] = []
        self.transactions: dict[str, Transaction] = {}
        self.changes = 0
        self.received: deque[Json] = deque(maxlen=KEPT)

    def receive(self, kind: str, trader: str | None, nonce: int | None) -> None:
        """Writes down that a submission has come in, before anything is done about it; not kept over a restart."""
        at = self._blocks.now_ms()
        self.received.append({"kind": kind, "trader": trader, "nonce": None if nonce is None else str(nonce), "at": at})

    def of(self, trader: str | None, after: int = 0) -> list[Json]:
        return _of(self.effects, trader, after)

    def declined_of(self, trader: str | None, after: int = 0) -> list[Json]:
        return _of(self.declined, trader, after)

    def with_hash(self, cause: Cause) -> Cause:
        """The cause with a transaction of its own, unless it has one."""
        if cause.tx_hash:
            return cause
        seed = f"{cause.digest} {cause.nonce} {len(self.effects)} {len(self.declined)} {self._blocks.now_ms()}"
        return replace(cause, tx_hash="0x" + keccak(text=seed).hex())

    def record(self, kind: str, cause: Cause, **known: Any) -> Json:
        """Writes an effect down; raw integers become strings."""
        row = self._row(kind, cause, len(self.effects) + 1, known)
        self.effects.append(row)
        self.transactions[row["transactionHash"]].effects.append(row["seq"])
        return row

    def decline(self, kind: str, cause: Cause, **known: Any) -> Json:
        """Writes down that a nonce was used up without an effect."""
        row = self._row(kind, cause, len(self.declined) + 1, known)
        self.declined.append(row)
        if kind == "reverted":
            self.transactions[row["transactionHash"]].succeeded = False
        return row

    def _row(self, kind: str, cause: Cause, seq: int, known: Json) -> Json:
        self.changes += 1
        cause = self.with_hash(cause)
        transaction = self.transact(cause, to=known.pop("to", ""))
        told = {name: known.get(name) for name in FIELDS}
        for name in _RAW:
            told[name] = None if told[name] is None else str(told[name])
        return {
            "seq": seq,
            "kind": kind,
            **cause.as_json(),
            **told,
            "transactionHash": cause.tx_hash,
            "blockNumber": transaction.block_number,
            "blockTimestamp": transaction.block_timestamp_s,
            "at": self._blocks.now_ms(),
        }

    def transact(self, cause: Cause, *, to: str = "", succeeded: bool = True) -> Transaction:
        """The cause's transaction, put into the next block where it is new."""
        block, tx_hash = self._blocks.next(), cause.tx_hash or ""
        sender = cause.signer or cause.trader
        new = Transaction(tx_hash, sender, to, block.number, block.timestamp_s, succeeded)
        return self.transactions.setdefault(tx_hash, new)

    def described(self) -> Json:
        sent = [asdict(transaction) for transaction in self.transactions.values()]
        return {"effects": self.effects, "declined": self.declined, "transactions": sent}

    def restore(self, told: Json) -> None:
        self.effects, self.declined = list(told["effects"]), list(told["declined"])
        sent = [Transaction(**known) for known in told["transactions"]]
        self.transactions = {transaction.tx_hash: transaction for transaction in sent}


def _of(rows: list[Json], trader: str | None, after: int) -> list[Json]:
    return [row for row in rows if row["seq"] > after and (not trader or row["trader"].lower() == trader.lower())]
