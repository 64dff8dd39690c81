"""Increases are openings: every limit holds, for the position that they leave behind."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import Settings

from feeds.models import Market
from risk import trading_state
from risk.trading_state import TradingState
from tests.factories import set_limits
from tests.trading.conftest import SetPrice
from tests.trading.increasing import again, approved, assert_agrees, ended
from tests.trading.people import Person, buttons, store, toast, words
from tests.trading.pipeline import close, open_position
from trading import (
    execution,
    risk_inputs,
    selectors,
)
from trading.errors import PricesUnreachable
from trading.models import Order, TelegramUpdate
from trading.services import placing
from trading.telegram import updates
from vanta import clock

pytestmark = pytest.mark.django_db
D = Decimal


def test_an_increase_takes_part_in_every_rate_limit(ada: Person, eth: Market, settings: Settings) -> None:
    open_position(ada)
    for _ in range(4):
        approved(ada, "/increase ETH 10")
    used = {window.code: window.used for window in selectors.opening_usage(ada.trader, "DRY")}
    assert used == {"opens_per_minute": 5, "trades_per_day": 5, "hourly_volume": 1400, "daily_volume": 1400}
    ada.types("/increase ETH 10")
    assert ada.orders[-1].reason == "opens_per_minute"


BOUNDS: list[tuple[str, dict[str, Any], str, str, str]] = [
    # limit, its values, the last that passes, a tick more, and what the denial says would pass
    ("position_size", {"max_position_size_usd": D(1500)}, "50", "50.000001", "50"),
    ("account_risk", {"max_account_risk_pct": D("0.015")}, "49.95", "50", "49.985"),
    ("margin", {}, "9854.89", "9860", "9855.2"),
]


@pytest.mark.parametrize(("code", "limits", "passes", "denied", "largest"), BOUNDS, ids=[row[0] for row in BOUNDS])
def test_limits_hold_for_the_position_that_it_leaves(
    ada: Person, eth: Market, code: str, limits: dict[str, Any], passes: str, denied: str, largest: str
) -> None:
    open_position(ada)
    wide = {"max_position_size_usd": D(10**6), "max_account_risk_pct": D(1), "max_daily_loss_pct": D(1)}
    set_limits(ada.trader, **{**wide, "hourly_volume_usd": D(10**6), "daily_volume_usd": D(10**6), **limits})
    ada.types(f"/increase ETH {denied}")
    order = ada.orders[-1]
    assert (order.state, order.reason) == ("DENIED", code)
    assert D(order.decision["max_collateral_usd"]) == pytest.approx(D(largest), abs=D("0.05"))
    assert ada.drafts(f"/increase ETH {order.decision['max_collateral_usd']}").state == "DRAFT"
    ada.types(f"/increase ETH {D(order.decision['max_collateral_usd']) + D('0.000001')}")
    assert ada.orders[-1].reason == code
    assert ada.drafts(f"/increase ETH {passes}").state == "DRAFT"


def test_the_day_counts_it_once(ada: Person, eth: Market) -> None:
    open_position(ada, "/long ETH 900 2x")
    set_limits(ada.trader, max_daily_loss_pct=D("0.1"), max_account_risk_pct=D(1))
    order = ada.drafts("/increase ETH 98 2x")  # 900 are at risk, 0.81 of fees and 1 of spread are gone
    assert order.worst_loss_usd == 98
    ada.types("/increase ETH 100 2x")
    assert ada.orders[-1].reason == "daily_loss"


@pytest.mark.parametrize("is_one_batch", [True, False])
def test_what_other_increases_will_add_counts(ada: Person, eth: Market, is_one_batch: bool) -> None:
    open_position(ada, "/long ETH 600 2x")
    drafts = [ada.drafts("/increase ETH 300 2x") for _ in range(2)]
    if is_one_batch:
        for order in drafts:
            store(ada.tap_update(f"confirm:{order.pk}"))
        updates.drain()
    else:
        for order in drafts:
            placing.place(trader=ada.trader, order_id=order.pk)
    assert [Order.objects.get(pk=order.pk).reason for order in drafts] == ["", "account_risk"]


def test_what_is_pending_is_reserved(ada: Person, eth: Market) -> None:
    open_position(ada, "/long ETH 100 10x sl=2900")
    approved(ada)
    account = risk_inputs.account_snapshot(risk_inputs.holdings(ada.trader, "DRY"), eth)
    assert account.reserved_usd == D("50.225")
    assert (account.exposure.pending_notional_usd, account.exposure.position_count) == (D(500), 1)
    assert 17 < account.day.pending_usd < 19  # 500 of notional to 2900, with fees and slippage


@pytest.mark.parametrize("state", [TradingState.REDUCING, TradingState.HALTED])
def test_a_stop_keeps_it_back_before_and_after_its_confirmation(ada: Person, eth: Market, state: TradingState) -> None:
    position = open_position(ada)
    draft, order = ada.drafts("/increase ETH 20"), approved(ada)
    trading_state.change(state, actor="test", reason="a test")
    assert placing.place(trader=ada.trader, order_id=draft.pk).reason == "trading_state"
    assert (ended(order).state, order.reason) == ("CANCELED", f"trading_{state.value}")
    assert again(position).collateral_usd == 100
    assert_agrees()


def test_without_redis_it_waits_and_a_closing_does_not(
    ada: Person, eth: Market, last_known: SetPrice, request: pytest.FixtureRequest
) -> None:
    last_known("ETH/USD", "3000")
    position = open_position(ada)
    draft = ada.drafts("/increase ETH 50")
    request.getfixturevalue("redis_down")
    with pytest.raises(PricesUnreachable):
        placing.place(trader=ada.trader, order_id=draft.pk)
    assert "no price" in ada.answer("/increase ETH 50")
    assert close(ada, position).state == "APPROVED"


def test_a_stop_that_was_passed_or_an_unresolved_order_denies_it(ada: Person, eth: Market, price: SetPrice) -> None:
    open_position(ada, "/long ETH 100 10x sl=2990")
    price("ETH/USD", "2989")
    ada.types("/increase ETH 50")
    assert "stop_wrong_side" in ada.orders[-1].reason
    price("ETH/USD", "3000")
    approved(ada)
    (claimed,) = execution.claim(reductions_only=False)
    Order.objects.filter(pk=claimed.pk).update(state="UNKNOWN")
    ada.types("/increase ETH 50")
    assert "previous_order_unresolved" in ada.orders[-1].reason


def test_an_approval_that_waited_too_long_expires(ada: Person, eth: Market) -> None:
    open_position(ada)
    order = approved(ada)
    Order.objects.filter(pk=order.pk).update(decided_at=clock.now() - dt.timedelta(minutes=5))
    assert (ended(order).state, order.reason) == ("EXPIRED", "approval_expired")


def test_confirming_twice_and_a_replayed_update_add_once(ada: Person, eth: Market) -> None:
    position = open_position(ada)
    typed = ada.text_update("/increase ETH 50")
    ada._handled(typed)
    TelegramUpdate.objects.filter(update_id=typed["update_id"]).update(status="new")
    updates.drain()
    order = ada.orders[-1]
    assert Order.objects.filter(kind="increase").count() == 1
    ada.taps(f"confirm:{order.pk}")
    assert toast(ada.taps(f"confirm:{order.pk}")) == "Already on its way."
    execution.drain()
    assert toast(ada.taps(f"confirm:{order.pk}")) == "Already filled."
    assert again(position).collateral_usd == 150


def test_a_price_that_moved_is_shown_again(ada: Person, eth: Market, price: SetPrice) -> None:
    open_position(ada, "/long ETH 100 10x sl=2900")
    order = ada.drafts("/increase ETH 50")
    price("ETH/USD", "3030")
    owed = ada.taps(f"confirm:{order.pk}")
    assert "Please look again" in toast(owed)
    assert "Entry  3,000.30 → <b>3,010.23</b>" in words(owed)
    ada.taps(buttons(owed)["✅ Confirm"])
    assert ended(order).state == "FILLED"


def test_a_price_that_ran_away_fills_nothing(ada: Person, eth: Market, price: SetPrice) -> None:
    position = open_position(ada)
    order = approved(ada)
    price("ETH/USD", "3100")
    assert (ended(order).state, order.reason) == ("REJECTED", "slippage_exceeded")
    assert again(position).collateral_usd == 100
    assert_agrees()
