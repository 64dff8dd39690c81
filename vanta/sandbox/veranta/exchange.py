"""The venue's books: positions, resting orders, balances, allowances, delegates, used nonces, and the journal."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from vanta.sandbox.blocks import Blocks
from vanta.sandbox.veranta.accounts import Wallet, Wallets
from vanta.sandbox.veranta.journal import Journal
from vanta.sandbox.veranta.positions import USDC_RAW, OpenPosition, RestingOrder, Trigger

Json = dict[str, Any]
START_BALANCE = 10_000 * USDC_RAW
UNLIMITED = 2**255
Placed = TypeVar("Placed", OpenPosition, RestingOrder)


@dataclass(frozen=True, slots=True)
class NonceUse:
    """When an intent's nonce was used, in seconds of the chain's clock, and by whose signature."""

    trader: str
    signer: str
    nonce: int
    at_s: float


class Exchange:
    """All traders' books. Keys are lower-case addresses."""

    def __init__(self, blocks: Blocks) -> None:
        self.blocks = blocks
        self.journal = Journal(blocks)
        self.positions: list[OpenPosition] = []
        self.resting: list[RestingOrder] = []
        self.accounts: Wallets = {}
        self.tracked: dict[str, list[Json]] = {}
        self.relays: dict[str, Json] = {}
        self.delegates: dict[tuple[str, str], int] = {}
        self._nonces: dict[int, list[NonceUse]] = {}
        self._balances: dict[str, int] = {}
        self._allowances: dict[str, int] = {}
        self._last_order_id = 0

    def next_order_id(self) -> int:
        self._last_order_id += 1
        return self._last_order_id

    def of(self, trader: str) -> list[OpenPosition]:
        return _of(self.positions, trader)

    def resting_of(self, trader: str) -> list[RestingOrder]:
        return _of(self.resting, trader)

    def find(self, trader: str, pair_index: int, index: int) -> OpenPosition | None:
        return _find(self.positions, trader, pair_index, index)

    def find_resting(self, trader: str, pair_index: int, index: int) -> RestingOrder | None:
        return _find(self.resting, trader, pair_index, index)

    def free_index(self, trader: str, pair_index: int) -> int:
        return _free_index(self.positions, trader, pair_index)

    def free_resting_index(self, trader: str, pair_index: int) -> int:
        return _free_index(self.resting, trader, pair_index)

    def open_interest(self, pair_index: int) -> tuple[float, float]:
        """Long and short notional in USDC of what was opened here."""
        sums = [0, 0]
        for position in self.positions:
            if position.pair_index == pair_index:
                sums[0 if position.is_long else 1] += position.notional
        return sums[0] / USDC_RAW, sums[1] / USDC_RAW

    def balance(self, trader: str) -> int:
        return self._balances.get(trader.lower(), START_BALANCE)

    def set_balance(self, trader: str, amount: int) -> None:
        self._balances[trader.lower()] = amount
        self.journal.changes += 1

    def pay(self, trader: str, amount: int) -> None:
        """Adds to a balance."""
        self.set_balance(trader, self.balance(trader) + amount)

    def allowance(self, trader: str) -> int:
        return self._allowances.get(trader.lower(), UNLIMITED)

    def has_said_allowance(self, trader: str) -> bool:
        """Whether this wallet's allowance was ever set; until then it is unlimited."""
        return trader.lower() in self._allowances

    def set_allowance(self, trader: str, amount: int) -> None:
        self._allowances[trader.lower()] = min(amount, UNLIMITED)
        self.journal.changes += 1

    def take(self, trader: str, amount: int) -> None:
        """Moves USDC from a wallet to the venue, out of its allowance; the caller has checked both."""
        self.pay(trader, -amount)
        if self.allowance(trader) < UNLIMITED:
            self.set_allowance(trader, self.allowance(trader) - amount)

    def use_nonce(self, trader: str, nonce: int, signer: str) -> bool:
        """True the first time; a nonce is used once and for all."""
        if self.has_used(trader, nonce):
            return False
        use = NonceUse(trader.lower(), signer.lower(), nonce, self.blocks.now_s())
        self._nonces.setdefault(nonce, []).append(use)
        self.journal.changes += 1
        return True

    def has_used(self, trader: str, nonce: int) -> bool:
        return any(use.trader == trader.lower() for use in self._nonces.get(nonce, ()))

    def is_nonce_used(self, address: str, nonce: int, seen_s: float | None = None) -> bool:
        """Whether a trader's nonce, or one signed by this address, was used; by a time of the chain, or at all."""
        uses = (use for use in self._nonces.get(nonce, ()) if address.lower() in {use.trader, use.signer})
        return any(seen_s is None or use.at_s <= seen_s for use in uses)

    def used_nonces(self, trader: str) -> list[int]:
        return [use.nonce for use in self._uses() if use.trader == trader.lower()]

    def _uses(self) -> Iterable[NonceUse]:
        return itertools.chain.from_iterable(self._nonces.values())

    def set_delegate(self, trader: str, delegate: str, expiry_s: int) -> None:
        """Registers a delegate until a time; 0 removes it."""
        self.journal.changes += 1
        self.delegates[(trader.lower(), delegate.lower())] = expiry_s

    def delegates_of(self, trader: str) -> dict[str, int]:
        mine = (
            (delegate, expiry_s) for (owner, delegate), expiry_s in self.delegates.items() if owner == trader.lower()
        )
        return {delegate: expiry_s for delegate, expiry_s in mine if expiry_s}

    def delegate_expiry(self, trader: str, delegate: str) -> int:
        """When the delegation ends, in Unix seconds; 0 where there is none."""
        return self.delegates.get((trader.lower(), delegate.lower()), 0)

    def may_sign(self, trader: str, signer: str) -> bool:
        is_self = signer.lower() == trader.lower()
        return is_self or self.delegate_expiry(trader, signer) > self.blocks.now_s()

    def described(self) -> Json:
        """Everything that outlives a restart, as JSON."""
        return {
            "journal": self.journal.described(),
            "positions": [asdict(position) for position in self.positions],
            "resting": [asdict(order) for order in self.resting],
            "accounts": [asdict(wallet) for wallet in self.accounts.values()],
            "tracked": self.tracked,
            "relays": self.relays,
            "delegates": [[*pair, expiry_s] for pair, expiry_s in self.delegates.items()],
            "nonces": [asdict(use) for use in self._uses()],
            "balances": self._balances,
            "allowances": self._allowances,
            "last_order_id": self._last_order_id,
        }

    def restore(self, told: Json) -> None:
        """Takes over what `described` told; raises KeyError, TypeError or ValueError for anything else."""
        self.journal.restore(told["journal"])
        self.positions = [_position(known) for known in told["positions"]]
        self.resting = [RestingOrder(**known) for known in told["resting"]]
        self.accounts.update((wallet.address.lower(), wallet) for wallet in (Wallet(**w) for w in told["accounts"]))
        self.tracked.update(told["tracked"])
        self.relays.update(told["relays"])
        self.delegates = {(trader, delegate): expiry_s for trader, delegate, expiry_s in told["delegates"]}
        for use in (NonceUse(**known) for known in told["nonces"]):
            self._nonces.setdefault(use.nonce, []).append(use)
        self._balances, self._allowances = dict(told["balances"]), dict(told["allowances"])
        self._last_order_id = int(told["last_order_id"])


def _position(known: Json) -> OpenPosition:
    triggers = [Trigger(**trigger) for trigger in known["triggers"]]
    return OpenPosition(**{**known, "triggers": triggers})


def _of(placed: Iterable[Placed], trader: str) -> list[Placed]:
    return [one for one in placed if one.trader.lower() == trader.lower()]


def _find(placed: Iterable[Placed], trader: str, pair_index: int, index: int) -> Placed | None:
    return next((one for one in _of(placed, trader) if (one.pair_index, one.index) == (pair_index, index)), None)


def _free_index(placed: Iterable[Placed], trader: str, pair_index: int) -> int:
    taken = {one.index for one in _of(placed, trader) if one.pair_index == pair_index}
    return next(index for index in itertools.count() if index not in taken)
