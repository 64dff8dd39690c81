"""What the signing worker does first."""

import pytest

from tests.trading.keys.rings import make_delegate
from tests.trading.live.world import LiveTrader
from trading import delegation, tasks
from trading.models import Delegate, Order

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("comes", "looked_at"), [(True, 1), (False, 4)])
def test_an_order_that_comes_does_not_wait_for_every_delegate(
    live: LiveTrader, monkeypatch: pytest.MonkeyPatch, comes: bool, looked_at: int
) -> None:
    for _ in range(3):
        make_delegate()
    looked: list[Delegate] = []

    def look(delegate: Delegate) -> None:
        looked.append(delegate)
        if comes and not Order.objects.exists():
            live.approve()

    monkeypatch.setattr(delegation, "look_after", look)
    tasks.drain_signing()
    assert len(looked) == looked_at


def test_an_order_that_cannot_leave_does_not_keep_delegates_waiting(
    live: LiveTrader, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[Delegate] = []
    monkeypatch.setattr(delegation, "look_after", looked.append)
    monkeypatch.setattr("trading.venues.avantis.identity.is_as_known", lambda: False)
    order = live.approve()
    tasks.drain_signing()
    order.refresh_from_db()
    assert (order.state, len(looked)) == ("APPROVED", 1)
