"""A trader whose orders are LIVE, and the sandbox's venue that executes them; judged by the venue's own journal."""

import contextlib
import datetime as dt
import secrets
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import time_machine
from django.db import transaction
from eth_utils.address import to_checksum_address

from tests.sandbox.conftest import Sandbox
from tests.trading.keys.rings import make_delegate
from tests.trading.people import Person
from tests.trading.pipeline import assert_books_balance
from tests.waiting import wait_until
from trading import execution, reconciliation
from trading.models import Delegate, Fill, Order, Position, Trader
from trading.models.traders import Mode
from trading.services import placing, positions
from trading.services.orders import Origin
from trading.services.traders import deposit
from vanta import clock
from vanta.money import ONE

LIVE = (Mode.LIVE,)


class LiveTrader(Person):
    """A person with a wallet, a delegate that the venue knows, and 10 000 USDC."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__()
        self.types("/start")
        self.sandbox = sandbox
        self.wallet = to_checksum_address("0x" + secrets.token_hex(20))
        Trader.objects.filter(pk=self.trader.pk).update(execution_mode=Mode.LIVE)
        deposit(trader=self.trader, mode=Mode.LIVE, amount_usd=self.balance, reference="wallet")
        self.delegate = self.connect()

    def connect(self) -> Delegate:
        """An active delegate, at the venue and here."""
        expires_at = clock.now() + dt.timedelta(days=30)
        delegate = make_delegate(trader=self.trader, wallet_address=self.wallet, expires_at=expires_at)
        self.sandbox.post(
            "/control/venue/delegate",
            trader=self.wallet,
            delegate=delegate.address,
            expiry=int(expires_at.timestamp()),
        ).raise_for_status()
        return delegate

    @property
    def state(self) -> dict[str, Any]:
        return self.state_of(self.wallet)

    def state_of(self, address: str) -> dict[str, Any]:
        """What the chain and the venue know of an address."""
        found: dict[str, Any] = self.sandbox.get("/control/venue/state", trader=address).json()
        return found

    @property
    def balance(self) -> Decimal:
        """The wallet's USDC."""
        return Decimal(self.state["balance"]) / 10**6

    @property
    def effects(self) -> list[dict[str, Any]]:
        """Everything that the venue did for this wallet's trades."""
        found: list[dict[str, Any]] = self.sandbox.get("/control/venue/journal", trader=self.wallet).json()["effects"]
        return [effect for effect in found if effect["kind"] not in ("delegate_set", "approve")]

    @property
    def booked(self) -> Decimal:
        """What our books say that the wallet has."""
        return self.trader.accounts.get(mode=Mode.LIVE).free_balance_usd

    def approve(self, text: str = "/long ETH 100 10x") -> Order:
        """Type an opening and say twice that it is meant."""
        order = self.drafts(text)
        assert order.mode == "LIVE"
        placed = placing.place(trader=self.trader, order_id=order.pk, is_live_confirmed=True)
        assert placed.state == "APPROVED", placed.reason
        return placed

    def close(self, position: Position, share: Any = ONE) -> Order:
        (order,) = positions.close(
            trader=self.trader, positions=[position], share=share, origin=Origin(chat_id=self.id)
        )
        return order

    def opened(self, text: str = "/long ETH 100 10x") -> Position:
        """A position that is open at the venue and in the books."""
        order = self.approve(text)
        settle(order)
        assert order.state == "FILLED", order.reason
        assert order.position is not None
        return order.position


@transaction.atomic
def make_due() -> None:
    """Every order is looked at now, but for those that somebody has at this moment.

    Waiting for them in no order of rows, beside somebody who settles two, would be a deadlock of the tests' own.
    """
    free = Order.objects.select_for_update(skip_locked=True).values_list("pk", flat=True)
    Order.objects.filter(pk__in=list(free)).update(next_check_at=clock.now() - dt.timedelta(seconds=1))


def look() -> None:
    """One turn of the signing worker."""
    make_due()
    execution.drain(modes=LIVE)
    make_due()
    reconciliation.drain(modes=LIVE)


def fault(sandbox: Sandbox, kind: str, service: str = "batched-market", **terms: Any) -> None:
    """Break the venue in one way."""
    sandbox.post("/control/faults", service=service, kind=kind, **terms).raise_for_status()


@contextlib.contextmanager
def later(sandbox: Sandbox, seconds: int) -> Iterator[None]:
    """So much later, on the chain's clock and on ours."""
    sandbox.post("/control/clock", offset_s=seconds).raise_for_status()
    with time_machine.travel(clock.now() + dt.timedelta(seconds=seconds), tick=True):
        yield


def settle(order: Order, within_s: float = 15) -> Order:
    """Let the signing worker work until the order has ended."""

    def has_ended() -> bool:
        look()
        order.refresh_from_db()
        return order.ended_at is not None

    wait_until(has_ended, within_s, f"{order} has ended")
    return order


def claimed(order: Order) -> Order:
    """As a worker leaves an order that is killed between the claim and the submission."""
    (taken,) = execution.claim(reductions_only=False, modes=LIVE)
    assert taken.pk == order.pk
    return Order.objects.select_related("market", "position", "trader").get(pk=order.pk)


def assert_agrees(live: LiveTrader, order: Order) -> None:
    """What the venue did for this wallet is what the order says, and the money is where the books say."""
    filled = 1 if order.state == "FILLED" else 0
    assert [effect["kind"] for effect in live.effects] == ["open"] * filled, order.state
    assert Fill.objects.filter(order=order).count() == Position.objects.count() == filled
    assert live.booked == live.balance
    assert_books_balance()
