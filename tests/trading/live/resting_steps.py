"""The steps of a random walk that are about orders which rest at the venue."""

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from feeds.models import Market
from risk.margin import Side
from tests.factories import make_order
from tests.sandbox.conftest import Sandbox
from tests.trading.live.world import LiveTrader
from trading.models import Order
from trading.order_state import OrderState
from trading.services import canceling, placing
from trading.services.orders import Origin

D = Decimal
PRICE = D(3000)


class RestingSteps(RuleBasedStateMachine):
    """Placed and approved, taken back by us or elsewhere, filled; `live`, `market` and `sandbox` are the walk's."""

    sandbox: Sandbox
    market: Market
    live: LiveTrader

    @property
    def orders(self) -> list[Order]:
        mine = Order.objects.filter(trader=self.live.trader).select_related("intent", "placement")
        return list(mine.order_by("pk"))

    @rule(
        side=st.sampled_from(Side),
        away=st.sampled_from((D("0.002"), D("0.03"))),
        order_type=st.sampled_from(("limit", "stop_limit")),
    )
    def rests(self, side: Side, away: Decimal, order_type: str) -> None:
        """An order that waits for its price is approved: so near that its trade could be another's, or far."""
        below = (side == Side.LONG) == (order_type == "limit")
        price = PRICE * (1 - away if below else 1 + away)
        terms = {"mode": "LIVE", "side": side, "order_type": order_type, "limit_price": price}
        placing.approve(make_order(trader=self.live.trader, market=self.market, **terms))

    @rule(number=st.integers(0, 3))
    def takes_back(self, number: int) -> None:
        resting = [order for order in self.orders if order.state == OrderState.RESTING]
        if resting:
            order_id = resting[number % len(resting)].pk
            canceling.cancel_resting(trader=self.live.trader, order_id=order_id, origin=Origin(chat_id=self.live.id))

    @rule()
    def takes_back_what_is_unwanted(self) -> None:
        canceling.cancel_unwanted()

    @rule(what=st.sampled_from(("trigger", "trigger", "cancel", "place")), number=st.integers(0, 3))
    def happens_to_what_rests(self, what: str, number: int) -> None:
        """The venue fills it, or its owner takes it back or lets another one rest, in the venue's own app."""
        held: list[dict[str, Any]] = self.live.state["limitOrders"]
        told: dict[str, Any] = {"trader": self.live.wallet, "pairIndex": self.market.pair_index}
        if what == "place":
            told |= {"collateral": "100", "leverage": "10", "price": str(PRICE * D("0.97"))}
        elif held:
            told |= {"index": int(held[number % len(held)]["index"]), "what": "limit"}
        else:
            return
        self.sandbox.post(f"/control/venue/{what}", **told)
