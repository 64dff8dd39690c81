"""Scenarios with real money, against the sandbox's venue and the unmodified SDK; judged by the venue's own journal."""

import datetime as dt
import os
import secrets
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

import httpx
from django.conf import settings
from eth_utils.address import to_checksum_address

from tests.crash.acting import (
    LIVE,
    SYMBOL,
    Scenario,
    Stage,
    begins,
    bring_on,
    changes,
    closes,
    increases,
    moves_margin,
    opens,
    set_price,
    types,
    work,
)
from tests.trading.keys.rings import make_delegate
from tests.waiting import wait_until
from trading import reconciliation
from trading.models import Order, Position, Trader
from trading.models.traders import Mode
from trading.order_state import TERMINAL, OrderState
from trading.services.traders import deposit
from vanta import clock

Fault = dict[str, Any]
BEGINS_WITH_USD = Decimal(10_000)
ENDED_WITHIN_S = 20


@cache
def _client(_process: int) -> httpx.Client:
    """Every process's own: a connection that two processes use is neither's."""
    return httpx.Client(base_url=settings.SANDBOX_URL, timeout=10, trust_env=False)


def venue(method: str, path: str, **told: Any) -> Any:
    """Ask the sandbox's control API; never a step of the path."""
    client = _client(os.getpid())
    if method == "GET":
        return client.get(f"/control/{path}", params=told).raise_for_status().json()
    return client.request(method, f"/control/{path}", json=told or None).raise_for_status().json()


def set_venue_clock(offset_s: int) -> None:
    venue("POST", "clock", offset_s=offset_s)


def effects(stage: Stage) -> list[str]:
    """What the venue has done for the trader, by its own journal."""
    wallet = stage.trader.delegates.get().wallet_address
    known = venue("GET", "venue/journal", trader=wallet)["effects"]
    return [effect["kind"] for effect in known if effect["kind"] not in ("delegate_set", "approve")]


def _connect(stage: Stage) -> None:
    """A trader with 10 000 USDC in a wallet, and a delegate that the venue knows."""
    venue("DELETE", "faults")
    venue("POST", "price", symbol=SYMBOL, price="3000")
    types(stage, 90, "/start")
    bring_on()
    Trader.objects.filter(pk=stage.trader.pk).update(execution_mode=Mode.LIVE)
    deposit(trader=stage.trader, mode=Mode.LIVE, amount_usd=BEGINS_WITH_USD, reference=f"wallet {stage.number}")
    wallet, expires_at = to_checksum_address("0x" + secrets.token_hex(20)), clock.now() + dt.timedelta(days=30)
    delegate = make_delegate(trader=stage.trader, wallet_address=wallet, expires_at=expires_at)
    known = {"trader": wallet, "delegate": delegate.address, "expiry": int(expires_at.timestamp())}
    venue("POST", "venue/delegate", **known)


def connected(opening: Callable[[Stage], None] | None = None, fault: Fault | None = None) -> Callable[[Stage], None]:
    """A connected trader, what has been opened before, and then a fault."""

    def begin(stage: Stage) -> None:
        _connect(stage)
        if opening:
            set_price("3000")  # connecting may have taken longer than a price is fresh
            opening(stage)
        work()
        if fault:
            venue("POST", "faults", **{"service": "batched-market", "count": 1, **fault})

    return begin


def followed(
    act: Callable[[Stage], None], executions: int, ends: frozenset[OrderState] = TERMINAL
) -> Callable[[Stage], None]:
    """Act, and look again once the venue has executed: nobody waits for it, the next look finds it."""

    def walk(stage: Stage) -> None:
        act(stage)
        _wait_for_the_end(stage, executions, ends)
        work()

    return walk


def _begun(text: str) -> Callable[[Stage], None]:
    """What was opened before the path."""

    def begin(stage: Stage) -> None:
        begins(text)(stage)
        _wait_for_the_end(stage, executions=1)

    return begin


def _wait_for_the_end(stage: Stage, executions: int, ends: frozenset[OrderState] = TERMINAL) -> None:
    def has_ended() -> bool:
        return _has_ended(stage, ends)

    wait_until(lambda: len(effects(stage)) == executions or has_ended(), ENDED_WITHIN_S, "it is executed")
    wait_until(has_ended, ENDED_WITHIN_S, "the order has ended")


def _has_ended(stage: Stage, ends: frozenset[OrderState]) -> bool:
    pending = Order.objects.filter(trader=stage.trader).exclude(state__in=ends)
    if pending.filter(next_check_at__lte=clock.now()).exists():
        reconciliation.drain(modes=LIVE)
    return not pending.exists()


def _must_be(kinds: Sequence[str], status: str, collateral_usd: Decimal | None = None) -> Callable[[Stage], None]:
    def check(stage: Stage) -> None:
        assert effects(stage) == list(kinds), effects(stage)
        filled = Order.objects.filter(trader=stage.trader, state="FILLED").count()
        assert filled == len(kinds), f"{filled} filled orders for {kinds}"
        position = Position.objects.get(trader=stage.trader)
        assert position.status == status
        assert collateral_usd is None or position.collateral_usd == collateral_usd, position.collateral_usd
        is_the_wallets(stage)

    return check


def _stops_must_be(stop_usd: Decimal) -> Callable[[Stage], None]:
    """Changed once, with the nonce of the only order, and now as it says; here as there."""

    def check(stage: Stage) -> None:
        _must_be(["open", "tp_sl"], "open")(stage)
        wallet = stage.trader.delegates.get().wallet_address
        changed = venue("GET", "venue/journal", trader=wallet)["effects"][-1]
        order = Order.objects.get(trader=stage.trader, kind="stops")
        assert changed["nonce"] == order.intent.nonce, changed
        (held,) = venue("GET", "venue/state", trader=wallet)["positions"]
        position = Position.objects.get(trader=stage.trader)
        assert Decimal(held["sl"]) / 10**10 == position.stop_loss == stop_usd, held
        assert Decimal(held["tp"]) / 10**10 == position.take_profit == order.take_profit, held

    return check


def is_the_wallets(stage: Stage) -> None:
    wallet = stage.trader.delegates.get().wallet_address
    held = Decimal(venue("GET", "venue/state", trader=wallet)["balance"]) / 10**6
    booked = stage.trader.accounts.get(mode=Mode.LIVE).free_balance_usd
    assert held == booked, f"the wallet has {held}, the books say {booked}"


OPENED_SMALL = _begun("/long ETH 100 10x")
MARGIN = (
    ("added", "/margin ETH +50", "margin_deposit", Decimal("149.55")),
    ("withdrawn", "/margin ETH -20", "margin_withdraw", Decimal("79.55")),
)
OPENS, OPENED = opens("/long ETH 100 10x sl=2900"), _begun("/long ETH 100 10x sl=2900")
FAULTS: dict[str, Fault] = {
    "": {},
    ", request lost": {"kind": "drop", "match": "execute-batched"},
    ", accept lost": {"kind": "lost_accept"},
    ", 500 after execution": {"kind": "status", "status": 500, "when": "after", "match": "execute-batched"},
    ", events twice and disordered": {"kind": "reorder_events"},
    ", error after the fill": {"kind": "error_after_fill"},
    ", executed late": {"kind": "relay_timeout", "seconds": 0.4},
}
STOPS = changes("/sl ETH 2950")
LOST_AT_CORE: dict[str, Fault] = {
    "": {},
    ", request lost": {"kind": "drop"},
    ", answer lost": {"kind": "drop", "when": "after"},
    ", 500 after execution": {"kind": "status", "status": 500, "when": "after"},
}
RELAYER_FAULTS: dict[str, Fault] = {
    "": {},
    ", request lost": {"kind": "drop", "match": "/relays"},
    ", answer lost": {"kind": "drop", "match": "/relays", "when": "after"},
    ", executed late": {"kind": "relay_timeout", "seconds": 1},
    ", nothing applied": {"kind": "not_applied"},
}
OPEN_ONCE = _must_be(["open"], "open")
INCREASES = increases("/increase ETH 50 4x")
INCREASED_ONCE = _must_be(["open", "increase"], "open", Decimal("149.46"))  # 99.55 and 50 less 0.09
CLOSED_ONCE = _must_be(["open", "close"], "closed")
SCENARIOS = (
    *(
        Scenario(f"LIVE open{name}", connected(fault=fault), followed(OPENS, 1), OPENS, OPEN_ONCE)
        for name, fault in FAULTS.items()
    ),
    *(
        Scenario(
            f"LIVE close{name}",
            connected(OPENED, fault),
            followed(closes("/close ETH"), 2),
            closes("/close ETH"),
            CLOSED_ONCE,
        )
        for name, fault in FAULTS.items()
    ),
    *(
        Scenario(
            f"LIVE stops{name}",
            connected(
                _begun("/long ETH 100 10x sl=2900 tp=3300"),
                {**fault, "service": "core", "match": "price-triggers"} if fault else None,
            ),
            followed(STOPS, 2),
            STOPS,
            _stops_must_be(Decimal(2950)),
        )
        for name, fault in LOST_AT_CORE.items()
    ),
    *(
        Scenario(
            f"LIVE margin {said}{name}",
            connected(OPENED_SMALL, {**fault, "service": "blitz"} if fault else None),
            followed(moves_margin(text), 2),
            moves_margin(text),
            _must_be(["open", effect], "open", collateral),
        )
        for said, text, effect, collateral in MARGIN
        for name, fault in RELAYER_FAULTS.items()
    ),
    *(
        Scenario(
            f"LIVE increase{name}",
            connected(OPENED, fault),
            followed(INCREASES, 2),
            INCREASES,
            INCREASED_ONCE,
        )
        for name, fault in FAULTS.items()
    ),
    Scenario(
        "LIVE close half",
        connected(OPENED),
        followed(closes("/close ETH 50%"), 2),
        closes("/close ETH 50%"),
        _must_be(["open", "close"], "open"),
    ),
)
