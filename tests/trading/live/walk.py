"""A random walk of commands, faults, deaths and time against the sandbox's venue, judged by the venue's own journal.

No rule has a precondition: what the venue has done by now differs from run to run, and where there is nothing to close
nothing happens. Each example has a trader and a wallet of its own in a database that is not emptied between them. The
clock, the chain's too, only goes forward. At its end every fault is taken away, all the time in the world passes, and
then what the venue did, what the orders say, what the books hold and what the wallet has must be one and the same.
"""

import datetime as dt
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import time_machine
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from feeds.models import Market
from risk import trading_state
from risk.margin import Side
from risk.trading_state import TradingState
from tests.factories import make_order, set_limits
from tests.sandbox.conftest import Sandbox
from tests.trading.interleavings import WIDE
from tests.trading.live import faults
from tests.trading.live.resting_steps import PRICE, RestingSteps
from tests.trading.live.world import LIVE, LiveTrader, fault, look
from tests.trading.races import at_once
from tests.waiting import wait_until
from trading import execution, invariants, venue_accounts
from trading.errors import TradingError
from trading.models import Intent, Order, Position
from trading.order_state import TERMINAL, OrderState
from trading.services import placing, positions
from trading.services.orders import Origin
from trading.venues.avantis import client, identity
from trading.venues.registry import VENUES
from vanta import clock

D = Decimal
SHARES = (D(1), D("0.5"), D("0.25"))
PAST_A_DEADLINE_S, PAST_ALL_DOUBT_S = 90, 400
SETTLES_WITHIN_S = 60


class Walk(RestingSteps):
    """`start` must have been called with what is the same for all examples."""

    sandbox: Sandbox
    market: Market
    set_price: Callable[..., None]
    ahead_s = 0

    def __init__(self) -> None:
        super().__init__()
        self._travel = self._at(Walk.ahead_s)
        self.sandbox.control.delete("/control/faults")
        trading_state.change(TradingState.ACTIVE, actor="walk", reason="a walk")
        self._reconnect("anew")
        self.set_price("ETH/USD", str(PRICE))
        self.live = LiveTrader(self.sandbox)
        set_limits(self.live.trader, **WIDE)
        self.known_breaches = set(invariants.breaches())

    @initialize(begins_with=st.integers(1, 2), side=st.sampled_from(Side))
    def holds(self, begins_with: int, side: Side) -> None:
        """So many openings, of which the first is filled."""
        for _ in range(begins_with):
            self.opens(side, 100, guarded=True)
        for _ in range(2):
            look()

    @rule(side=st.sampled_from(Side), collateral=st.sampled_from((100, 150)), guarded=st.booleans())
    def opens(self, side: Side, collateral: int, guarded: bool) -> None:
        """A yes to an opening, and the second one; it may be denied."""
        self.set_price("ETH/USD", str(PRICE))
        order = make_order(
            trader=self.live.trader,
            market=self.market,
            mode="LIVE",
            side=side,
            collateral_usd=D(collateral),
            quoted_price=PRICE,
            stop_loss=PRICE * (1 - side.sign * D("0.05")) if guarded else None,
            take_profit=PRICE * (1 + side.sign * D("0.1")) if guarded else None,
        )
        placing.place(trader=self.live.trader, order_id=order.pk, is_live_confirmed=True)

    @rule(share=st.sampled_from(SHARES), number=st.integers(0, 3))
    def closes(self, share: Decimal, number: int) -> None:
        held = self.held
        if not held:
            return
        position, origin = held[number % len(held)], Origin(chat_id=self.live.id)
        try:
            positions.close(trader=self.live.trader, positions=[position], share=share, origin=origin)
        except TradingError:
            return  # all of it is being closed already

    @rule(how=st.sampled_from(("once", "once", "twice at once", "on the accounts", "anew")))
    def looks(self, how: str) -> None:
        """One turn of the signing worker, of two, of the one that asks for accounts, or of one that has just begun."""
        if how == "on the accounts":
            venue_accounts.reconcile_all()
        elif how == "twice at once":
            at_once(look, look)
        else:
            self._reconnect(how)
            look()

    @rule(when=st.sampled_from(("before it sends", "when it has sent", "when the answer is kept")))
    def dies(self, when: str) -> None:
        """A worker that has claimed what is due, and does not come to book it."""
        claimed = execution.claim(reductions_only=False, modes=LIVE)
        if not claimed or when == "before it sends":
            return
        intents = [order.intent for order in claimed]
        if when == "when the answer is kept":
            VENUES["LIVE"].submit(intents)
            return
        venue = "trading.venues.avantis.market_orders."
        with patch(venue + "_keep_first", side_effect=OSError), patch(venue + "_keep_answer"):
            VENUES["LIVE"].submit(intents)

    @rule(broken=st.sampled_from(faults.EVERY), count=st.sampled_from((1, 1, 2, None)))
    def breaks(self, broken: faults.Fault, count: int | None) -> None:
        fault(self.sandbox, **{**broken, "count": count})

    @rule()
    def heals(self) -> None:
        self.sandbox.control.delete("/control/faults").raise_for_status()

    @rule(seconds=st.sampled_from((2, 7, 30, PAST_A_DEADLINE_S)))
    def time_passes(self, seconds: int) -> None:
        self._travel.stop()
        Walk.ahead_s += seconds
        self._travel = self._at(Walk.ahead_s)

    @rule(state=st.sampled_from((*TradingState, TradingState.ACTIVE, TradingState.ACTIVE)))
    def trading_is(self, state: TradingState) -> None:
        trading_state.change(state, actor="walk", reason="a walk")

    @rule(
        what=st.sampled_from(("close", "liquidate", "tp", "sl")),
        number=st.integers(0, 3),
        share=st.sampled_from(SHARES),
    )
    def ends_at_the_venue(self, what: str, number: int, share: Decimal) -> None:
        """By its owner in the venue's own app, in part too, or by the venue; where there is no such trigger, not."""
        for trade in self._one_of_the_venues(number):
            named = {"trader": self.live.wallet, "pairIndex": int(trade["pairIndex"]), "index": int(trade["index"])}
            if what == "close":
                named["collateral"] = str((D(trade["collateral"]) / 10**6 * share).quantize(D("0.000001")))
            act = "trigger" if what in ("tp", "sl") else what
            self.sandbox.post(f"/control/venue/{act}", **named, what=what)

    @invariant()
    def orders_are_as_the_journal_says(self) -> None:
        """What nobody knows yet may be either; what has ended may not."""
        told = self._journal()
        assert [nonce for nonce, times in _intents(told["effects"], told["declined"]).items() if times > 1] == []
        executed = _intents(told["effects"])
        for order in self.orders:
            if order.state in TERMINAL and _nonce(order) and order.kind != Order.Kind.CANCEL:
                ends = ("FILLED", "CANCELED") if order.rests else ("FILLED",)
                assert (_nonce(order) in executed) == (order.state in ends), order
            elif order.state == OrderState.EXPIRED and _nonce(order):  # what a cancel found may have ended otherwise
                assert _nonce(order) not in executed, order

    @invariant()
    def the_books_are_whole(self) -> None:
        assert set(invariants.breaches()) - self.known_breaches == set()

    def teardown(self) -> None:
        """All faults are removed, trading goes on, and everything comes to its end."""
        try:
            self.heals()
            self.trading_is(TradingState.ACTIVE)
            self._settle()
            self._agree()
        finally:
            self._travel.stop()

    def _settle(self) -> None:
        for seconds in (0, PAST_A_DEADLINE_S, PAST_ALL_DOUBT_S, PAST_ALL_DOUBT_S):
            self.time_passes(seconds)
            for _ in range(4):
                look()
            venue_accounts.reconcile_all()
        wait_until(self._has_ended, SETTLES_WITHIN_S, "every order has ended")
        wait_until(self._is_brought_together, SETTLES_WITHIN_S, "the books are what the venue says")

    def _has_ended(self) -> bool:
        look()
        return all(order.state in TERMINAL | {OrderState.RESTING} for order in self.orders)

    def _is_brought_together(self) -> bool:
        venue_accounts.reconcile_all()
        return self.live.booked == self.live.balance

    def _agree(self) -> None:
        self.orders_are_as_the_journal_says()
        self.the_books_are_whole()
        executed = set(_intents(self._journal()["effects"]))
        assert executed <= {_nonce(order) for order in self.orders}, "the venue executed what is no order's"
        assert self.live.booked == self.live.balance
        assert {
            (p.market.pair_index, p.venue_index, p.venue_opened_at_s, p.side, p.collateral_usd) for p in self.held
        } == {
            (
                int(p["pairIndex"]),
                int(p["index"]),
                int(p["openedAt"]),
                Side.LONG if p["buy"] else Side.SHORT,
                D(p["collateral"]) / 10**6,
            )
            for p in self.at_venue
        }
        assert {
            (order.placement.venue_order_id, order.placement.venue_index, order.side, order.placement.escrow_usd)
            for order in self.orders
            if order.state == OrderState.RESTING
        } == {
            (o["orderId"], int(o["index"]), Side.LONG if o["buy"] else Side.SHORT, D(o["collateral"]) / 10**6)
            for o in self.live.state["limitOrders"]
        }
        assert self.live.trader.disputed_since is None

    @property
    def held(self) -> list[Position]:
        """The positions that are open in the books."""
        held = Position.objects.filter(trader=self.live.trader, status="open").select_related("market")
        return list(held.order_by("pk"))

    @property
    def at_venue(self) -> list[dict[str, Any]]:
        """The trades that are open at the venue."""
        found: list[dict[str, Any]] = self.live.state["positions"]
        return found

    def _reconnect(self, how: str) -> None:
        if how == "anew":
            client.close_client()
            identity.forget()

    def _one_of_the_venues(self, number: int) -> list[dict[str, Any]]:
        """None or one of its open trades."""
        known = self.at_venue
        return [known[number % len(known)]] if known else []

    def _journal(self) -> dict[str, list[dict[str, Any]]]:
        told: dict[str, list[dict[str, Any]]] = self.sandbox.get(
            "/control/venue/journal", trader=self.live.wallet
        ).json()
        return told

    def _at(self, ahead_s: int) -> Any:
        self.sandbox.post("/control/clock", offset_s=ahead_s).raise_for_status()
        travel = time_machine.travel(clock.now() + dt.timedelta(seconds=ahead_s), tick=True)
        travel.start()
        return travel


def _intents(*rows: list[dict[str, Any]]) -> Counter[str]:
    """How often each nonce of an intent, or of a delegate's batch, is in rows of the journal."""
    return Counter(row["nonce"] for part in rows for row in part if row["nonceKind"] in ("intent", "exec"))


def _nonce(order: Order) -> str:
    intent: Intent | None = getattr(order, "intent", None)
    return intent.nonce if intent else ""
