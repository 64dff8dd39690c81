"""A venue that does not say which block it read a nonce at proves nothing, until its node has shown a later one."""

import pytest

from feeds.models import Market
from tests.trading.conftest import SetPrice
from tests.trading.live.test_receipts import look as look_at_receipts
from tests.trading.live.world import LIVE, LiveTrader, fault, later, look
from trading import execution
from trading.models import Order

pytestmark = pytest.mark.django_db
OVER = 90


def state_of(order: Order) -> str:
    look()
    order.refresh_from_db()
    return order.state


@pytest.fixture
def lost(live: LiveTrader) -> Order:
    """An opening that never arrived, at a venue that names no block."""
    order = live.approve()
    fault(live.sandbox, "drop", when="before", count=1)
    execution.drain(modes=LIVE)
    fault(live.sandbox, "tamper", service="tx-builder", set={"data.blockTimestamp": None})
    return order


def test_it_expires_once_the_same_node_knows_a_later_block(
    live: LiveTrader, lost: Order, eth: Market, price: SetPrice
) -> None:
    with later(live.sandbox, OVER):
        assert state_of(lost) == "UNKNOWN"
        price("ETH/USD", "3000")
        LiveTrader(live.sandbox).opened()
    with later(live.sandbox, OVER + 10):
        assert look_at_receipts().outcome == "ok"
        assert state_of(lost) == "EXPIRED"
    assert live.effects == []


def test_an_earlier_block_is_no_later_one(live: LiveTrader, eth: Market) -> None:
    live.opened()
    order = live.approve()
    fault(live.sandbox, "drop", when="before", count=1)
    execution.drain(modes=LIVE)
    fault(live.sandbox, "tamper", service="tx-builder", set={"data.blockTimestamp": None})
    with later(live.sandbox, OVER):
        assert look_at_receipts().outcome == "ok"
        assert state_of(order) == "UNKNOWN"


def test_a_node_that_does_not_know_the_later_fill_is_behind(
    live: LiveTrader, lost: Order, eth: Market, price: SetPrice
) -> None:
    with later(live.sandbox, OVER):
        price("ETH/USD", "3000")
        LiveTrader(live.sandbox).opened()
    with later(live.sandbox, OVER + 10):
        assert look_at_receipts().outcome == "ok"
        live.sandbox.control.delete("/control/faults")
        told = {"data.blockTimestamp": None, "data.used": False}
        fault(live.sandbox, "tamper", service="tx-builder", set=told)
        assert state_of(lost) == "UNKNOWN"
