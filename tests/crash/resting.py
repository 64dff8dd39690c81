"""Scenarios of orders that rest at the venue, with real money: placed, filled by the venue, taken back.

The orders are made and approved directly, each once; what follows is the path.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal

from django.db import transaction

from tests.crash.acting import Scenario, Stage, work
from tests.crash.live import RELAYER_FAULTS, Fault, connected, effects, followed, is_the_wallets, venue
from tests.factories import make_order
from trading.models import Order, Position
from trading.models.loading import lock_traders
from trading.models.traders import Mode
from trading.order_state import TERMINAL, OrderState
from trading.services import canceling, placing
from trading.services.orders import Origin
from vanta import clock


def _places(order_type: Order.Type, price: int) -> Callable[[Stage], None]:
    """Have an order of 100 USDC at 10x approved that rests, once, and carry it out."""

    def walk(stage: Stage) -> None:
        with transaction.atomic():
            lock_traders([stage.trader.pk])
            if not Order.objects.filter(update_id=stage.update_id(1)).exists():
                terms = {"order_type": order_type, "limit_price": Decimal(price), "update_id": stage.update_id(1)}
                placing.approve(make_order(trader=stage.trader, mode=Mode.LIVE, **terms))
        work()

    return walk


def _takes_back(stage: Stage) -> None:
    """Have the order that rests taken back."""
    order = Order.objects.get(trader=stage.trader, kind=Order.Kind.OPEN)
    if order.state == OrderState.RESTING:
        canceling.cancel_resting(trader=stage.trader, order_id=order.pk, origin=Origin(chat_id=stage.user_id))
    work()


def _is_reached(stage: Stage) -> None:
    """The venue fills what rests, and somebody looks."""
    wallet = stage.trader.delegates.get().wallet_address
    if venue("GET", "venue/state", trader=wallet)["limitOrders"]:
        venue("POST", "venue/trigger", trader=wallet, pairIndex=0, index=0, what="limit")
    _make_due(stage)
    work()


def _make_due(stage: Stage) -> None:
    """What rests is looked at now."""
    Order.objects.filter(trader=stage.trader).update(next_check_at=clock.now())


def _rested_must_be(kinds: Sequence[str], states: dict[str, str]) -> Callable[[Stage], None]:
    """What the venue did, and how the order and what takes it back have ended, by kind."""

    def check(stage: Stage) -> None:
        assert effects(stage) == list(kinds), effects(stage)
        ended = dict(Order.objects.filter(trader=stage.trader).values_list("kind", "state"))
        assert ended == states, ended
        opened = Position.objects.filter(trader=stage.trader).values_list("status", "collateral_usd")
        assert [*opened] == [("open", Decimal("99.55"))] * kinds.count("limit_fill"), opened
        is_the_wallets(stage)

    return check


LOST_WHEN_FILLED: dict[str, Fault] = {
    "": {},
    ", request lost": {"service": "core", "kind": "drop"},
    ", answer lost": {"service": "core", "kind": "drop", "when": "after"},
    ", history away": {"service": "history", "kind": "status", "status": 500},
}
RESTS = TERMINAL | {OrderState.RESTING}
LIMIT, STOP_LIMIT = _places(Order.Type.LIMIT, 2900), _places(Order.Type.STOP_LIMIT, 3100)
SCENARIOS = (
    *(
        Scenario(
            f"LIVE {said} placed{name}",
            connected(fault={**fault, "service": "blitz"} if fault else None),
            followed(places, 1, RESTS),
            places,
            _rested_must_be(["limit_place"], {"open": "RESTING"}),
            ends=RESTS,
        )
        for said, places in (("limit", LIMIT), ("stop-limit", STOP_LIMIT))
        for name, fault in RELAYER_FAULTS.items()
    ),
    *(
        Scenario(
            f"LIVE limit filled{name}",
            connected(followed(LIMIT, 1, RESTS), fault),
            followed(_is_reached, 2),
            _is_reached,
            _rested_must_be(["limit_place", "limit_fill"], {"open": "FILLED"}),
        )
        for name, fault in LOST_WHEN_FILLED.items()
    ),
    *(
        Scenario(
            f"LIVE limit canceled{name}",
            connected(followed(LIMIT, 1, RESTS), {**fault, "service": "blitz"} if fault else None),
            followed(_takes_back, 2),
            _takes_back,
            _rested_must_be(["limit_place", "limit_cancel"], {"open": "CANCELED", "cancel": "FILLED"}),
        )
        for name, fault in RELAYER_FAULTS.items()
    ),
)
