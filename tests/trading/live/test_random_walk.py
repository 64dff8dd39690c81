"""Whatever is commanded, broken, killed and waited for, in whatever order: executed once at most, and known.

A short walk, always the same one, with every test run; `make walk` goes on for minutes with fresh ones.
"""

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from feeds.models import Market
from risk import execution_mode
from risk.execution_mode import ExecutionMode
from tests.conftest import LONG_PROFILE
from tests.sandbox.conftest import Sandbox
from tests.trading.conftest import SetPrice
from tests.trading.live.walk import Walk
from trading.venues.avantis import client

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.long]
D = Decimal


@pytest.fixture
def walk(venue: Sandbox, eth: Market, price: SetPrice, monkeypatch: pytest.MonkeyPatch) -> type[Walk]:
    """The machine with this test's venue; it is not patient with it."""
    monkeypatch.setattr(client, "ACCEPT_WITHIN_S", 0.6)
    monkeypatch.setattr(client, "ASK_WITHIN_S", 0.8)
    execution_mode.change(ExecutionMode.LIVE, actor="test", reason="a test")
    monkeypatch.setattr(Walk, "ahead_s", 0)
    for name, value in {"sandbox": venue, "market": eth, "set_price": staticmethod(price)}.items():
        monkeypatch.setattr(Walk, name, value, raising=False)
    return Walk


def test_a_random_walk(walk: type[Walk]) -> None:
    is_long = settings.get_current_profile_name() == LONG_PROFILE
    terms = settings(
        max_examples=settings().max_examples if is_long else 5,
        stateful_step_count=40 if is_long else 14,
        derandomize=not is_long,
        phases=[Phase.generate],  # a shorter walk to the same end would take as many minutes as it has steps
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(walk, settings=terms)
