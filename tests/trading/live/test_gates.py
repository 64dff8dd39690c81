"""When an opening is LIVE: both switches, a delegate with time left, and a second, different tap."""

import datetime as dt

import pytest
import time_machine
from django.core.management import CommandError, call_command
from pytest_django import Settings

from risk import execution_mode
from risk.execution_mode import ExecutionMode
from tests.trading.live.world import LIVE, LiveTrader, claimed, fault, later, look, make_due, settle
from tests.trading.people import buttons, words
from trading import dispatcher, execution
from trading.errors import LiveNotConfirmed
from trading.models import Attempt, Delegate, Intent, Trader, VenueAlarm, VenueEvent, VenueIdentity
from trading.services import decisions, panics, placing
from trading.services.orders import Origin
from trading.venues.avantis import identity
from vanta import clock
from vanta.models import AuditEntry

pytestmark = pytest.mark.django_db


def test_two_different_taps_make_it_real(live: LiveTrader) -> None:
    preview = live.types("/long ETH 100 10x")
    (first,) = [data for label, data in buttons(preview).items() if "Confirm" in label]
    asked = live.taps(first)
    assert "Real money" in words(asked)
    order = live.orders[-1]
    assert (order.state, order.live_confirmed_at) == ("DRAFT", None)
    live.taps(buttons(asked)["💵 Yes, real money"])
    order.refresh_from_db()
    assert (order.state, order.mode) == ("APPROVED", "LIVE")
    assert order.live_confirmed_at is not None


def test_the_first_tap_again_is_no_second_one(live: LiveTrader) -> None:
    order = live.drafts("/long ETH 100 10x")
    for _ in range(2):
        live.taps(f"confirm:{order.pk}")
    with pytest.raises(LiveNotConfirmed):
        placing.place(trader=live.trader, order_id=order.pk)
    order.refresh_from_db()
    assert order.state == "DRAFT"


@pytest.mark.parametrize(("system", "trader"), [("DRY", "LIVE"), ("LIVE", "DRY"), ("DRY", "DRY")])
def test_without_both_switches_an_opening_is_dry(live: LiveTrader, system: str, trader: str) -> None:
    execution_mode.change(ExecutionMode(system), actor="test", reason="a test")
    Trader.objects.update(execution_mode=trader)
    assert live.drafts("/long ETH 100 10x").mode == "DRY"


def refused(live: LiveTrader) -> str:
    live.types("/long ETH 100 10x")
    order = live.orders[-1]
    assert (order.mode, order.state) == ("LIVE", "DENIED")
    return order.reason


def test_without_a_delegate_it_is_denied(live: LiveTrader) -> None:
    Delegate.objects.all().delete()
    assert refused(live) == "no_delegate"


def test_a_delegate_that_ends_within_a_day_opens_nothing(live: LiveTrader) -> None:
    Delegate.objects.update(expires_at=clock.now() + dt.timedelta(hours=23))
    assert refused(live) == "delegate_expires_soon"


def test_a_delegate_that_the_venue_does_not_know_any_more_opens_nothing(live: LiveTrader) -> None:
    Delegate.objects.update(disabled_since=clock.now())
    assert refused(live) == "no_delegate"


def test_more_than_the_canary_is_denied(live: LiveTrader, settings: Settings) -> None:
    settings.CANARY_MAX_NOTIONAL_USD = 500
    assert refused(live) == "canary"


def test_a_venue_that_refuses_three_in_a_row_is_sent_no_more_openings(live: LiveTrader) -> None:
    fault(live.sandbox, "status", status=400, count=3)
    for _ in range(3):
        assert settle(live.approve("/long ETH 10 10x")).state == "REJECTED"
    assert refused(live) == "venue_refuses"
    with time_machine.travel(clock.now() + dt.timedelta(hours=2), tick=True):
        assert not decisions.venue_refuses()


def test_live_switched_off_between_preview_and_tap(live: LiveTrader) -> None:
    order = live.drafts("/long ETH 100 10x")
    execution_mode.change(ExecutionMode.DRY, actor="test", reason="a test")
    placed = placing.place(trader=live.trader, order_id=order.pk, is_live_confirmed=True)
    assert (placed.state, placed.reason, placed.mode) == ("DENIED", "live_switched_off", "LIVE")


def test_live_switched_off_before_it_left(live: LiveTrader) -> None:
    order = live.approve()
    execution_mode.change(ExecutionMode.DRY, actor="test", reason="a test")
    settle(order)
    assert (order.state, order.reason, live.effects) == ("CANCELED", "live_switched_off", [])


@pytest.mark.parametrize("change", [{"execution_mode": "DRY"}, {"is_active": False}], ids=repr)
def test_a_trader_who_is_switched_off_before_it_left(live: LiveTrader, change: dict[str, object]) -> None:
    order = live.approve()
    Trader.objects.filter(pk=live.trader.pk).update(**change)
    settle(order)
    assert (order.state, live.effects) == ("CANCELED", [])


def test_what_was_signed_before_its_trader_panicked_is_not_sent(live: LiveTrader) -> None:
    order = claimed(live.approve())
    panics.stop_entries(trader=live.trader, origin=Origin())
    execution.carry_out([order])
    look()
    order.refresh_from_db()
    assert (order.state, live.effects, VenueEvent.objects.count()) == ("UNKNOWN", [], 0)  # until its deadline is over


@pytest.mark.parametrize("ends", ["trader", "delegate"])
def test_what_was_lost_is_not_sent_again_once_it_may_not_be(live: LiveTrader, ends: str) -> None:
    order = live.approve()
    fault(live.sandbox, "drop", when="before", count=1)
    execution.drain(modes=LIVE)
    if ends == "trader":
        Trader.objects.filter(pk=live.trader.pk).update(is_active=False)
    else:
        live.delegate.end(Delegate.Status.REVOKED, "by_trader")
        live.delegate.save(update_fields=Delegate.ENDING)
    look()
    with later(live.sandbox, 90):
        settle(order)
    assert (order.state, Attempt.objects.count(), live.effects) == ("EXPIRED", 1, [])


def test_a_closing_follows_its_position_not_the_switch(live: LiveTrader) -> None:
    position = live.opened()
    execution_mode.change(ExecutionMode.DRY, actor="test", reason="a test")
    Trader.objects.update(execution_mode="DRY")
    assert settle(live.close(position)).state == "FILLED"
    assert [effect["kind"] for effect in live.effects] == ["open", "close"]


def test_other_workers_leave_live_orders_alone(live: LiveTrader) -> None:
    order = live.approve()
    assert execution.drain() == 0
    order.refresh_from_db()
    assert order.state == "APPROVED"


def test_a_live_order_wakes_the_signing_worker_and_nobody_else(live: LiveTrader) -> None:
    live.approve()
    make_due()
    kinds = dispatcher.due_kinds()
    assert "signing" in kinds
    assert "orders" not in kinds


def test_without_its_key_nothing_is_signed_and_somebody_is_told(live: LiveTrader, settings: Settings) -> None:
    order = live.approve()
    settings.KEY_ENCRYPTION_KEYS = ""
    execution.drain(modes=LIVE)
    order.refresh_from_db()
    assert (order.state, Intent.objects.count()) == ("APPROVED", 0)
    assert VenueAlarm.objects.get(kind="key").subject == f"order {order.pk}"


def test_a_closing_whose_permission_has_ended_says_so(live: LiveTrader) -> None:
    position = live.opened()
    Delegate.objects.update(expires_at=clock.now() - dt.timedelta(seconds=1))
    order = settle(live.close(position))
    assert (order.state, order.reason) == ("CANCELED", "no_delegate")


def test_a_venue_with_another_router_is_sent_nothing(live: LiveTrader) -> None:
    order = live.approve()
    identity.is_as_known()
    VenueIdentity.objects.update(trading_router="0x" + "00" * 20)
    identity.forget()
    execution.drain(modes=LIVE)
    order.refresh_from_db()
    assert (order.state, live.effects, Intent.objects.count()) == ("APPROVED", [], 0)
    assert VenueIdentity.objects.get().refused is not None
    assert VenueAlarm.objects.filter(kind="identity").count() == 1
    with pytest.raises(CommandError):
        call_command("trust_venue")  # not without a reason
    call_command("trust_venue", reason="announced by the venue")
    assert AuditEntry.objects.get(action="venue.trust").reason == "announced by the venue"
    assert settle(order).state == "FILLED"
