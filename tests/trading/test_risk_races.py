"""Fifty confirmations at the same moment where ten fit: ten are approved, whichever limit binds.

Each decided by a process of its own: `processes/test_limits_in_processes.py`.
"""

from decimal import Decimal
from typing import Any

import pytest
from django.db.models import F, Sum
from pytest_django import Settings

from feeds.models import Market
from tests.factories import make_order, make_policy
from tests.trading.people import Person
from tests.trading.pipeline import assert_books_balance
from tests.trading.races import at_once
from trading import execution, selectors
from trading.models import Order, Position
from trading.order_state import OrderState
from trading.services import placing
from trading.services.placing import Confirmation

pytestmark = pytest.mark.django_db(transaction=True)
D = Decimal
ORDERS, FIT = 50, 10
AT_A_TIME = 10
WIDE = {
    "max_position_size_usd": D(10**9),
    "max_account_risk_pct": D(1),
    "max_daily_loss_pct": D(1),
    "opens_per_minute": 1000,
    "trades_per_day": 1000,
    "hourly_volume_usd": D(10**9),
    "daily_volume_usd": D(10**9),
}
# What binds, the order that ten times fits, and what the trader's policy says of the limit (fees leave room for ten).
BINDING: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "margin": ({"collateral_usd": D(995), "leverage": D(1), "stop_loss": D(2990)}, {}),
    "daily_loss": ({"collateral_usd": D(100), "leverage": D(2)}, {"max_daily_loss_pct": D("0.1")}),
    "position_size": ({"collateral_usd": D(100), "stop_loss": D(2990)}, {"max_position_size_usd": D(10_000)}),
    "hourly_volume": ({"collateral_usd": D(100), "stop_loss": D(2990)}, {"hourly_volume_usd": D(10_000)}),
}


@pytest.fixture(params=BINDING)
def drafted(request: pytest.FixtureRequest, settings: Settings, ada: Person, eth: Market) -> tuple[str, list[Order]]:
    """The limit that binds, and fifty drafts of one trader; on a slow machine too the price is fresh for all."""
    settings.PRICE_MAX_AGE_S = D(60)
    wish, limits = BINDING[request.param]
    ada.types("/start")
    trader = ada.trader
    trader.policy = make_policy("one limit binds", may_loosen=True, **{**WIDE, **limits})
    trader.save()
    return request.param, [make_order(trader=trader, market=eth, **wish) for _ in range(ORDERS)]


def reasons() -> dict[str, int]:
    found = Order.objects.filter(state=OrderState.DENIED).values_list("reason", flat=True)
    return {reason: list(found).count(reason) for reason in found}


def test_while_a_worker_fills_what_was_approved(ada: Person, drafted: tuple[str, list[Order]]) -> None:
    """A filled position goes on counting by what it may still lose, its notional, and its collateral."""
    limit, drafts = drafted
    trader = ada.trader
    works = [lambda order=order: placing.place(trader=trader, order_id=order.pk) for order in drafts]
    for first in range(0, ORDERS, AT_A_TIME):
        at_once(*works[first : first + AT_A_TIME], execution.drain, execution.drain)
    execution.drain()
    filled = Order.objects.filter(state=OrderState.FILLED).count()
    assert filled in (FIT - 1, FIT) if limit == "daily_loss" else filled == FIT  # its fees are lost before the tenth
    held = Position.objects.aggregate(size=Sum(F("collateral_usd") * F("leverage")), collateral=Sum("collateral_usd"))
    assert held["size"] <= D(10_000)
    assert held["collateral"] <= D(10_000)
    assert_books_balance()


def test_in_batches_that_see_what_they_reserve_themselves(ada: Person, drafted: tuple[str, list[Order]]) -> None:
    limit, drafts = drafted
    confirmations = [Confirmation(ada.id, order.pk) for order in drafts]
    halves = [confirmations[::2], confirmations[1::2]]
    at_once(*(lambda half=half: placing.place_all(half) for half in halves))
    approved = Order.objects.filter(state=OrderState.APPROVED)
    assert (approved.count(), reasons()) == (FIT, {limit: ORDERS - FIT})
    used = {window.code: window.used for window in selectors.opening_usage(ada.trader, "DRY")}
    assert used["trades_per_day"] == FIT
    assert used["hourly_volume"] == sum(order.collateral_usd * order.leverage for order in approved)
