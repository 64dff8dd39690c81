"""/panic, the second tap: everything is closed once, whatever stands in the way, and one message tells how it goes."""

import datetime as dt
from decimal import Decimal

import pytest
import time_machine

from feeds.models import Market
from risk.trading_state import TradingState
from tests.trading.bot_api import BotApi
from tests.trading.conftest import SetPrice
from tests.trading.panicking import (
    RESUME,
    closings,
    halt,
    labels,
    panic_of,
    panics_and_closes,
    shown,
    state,
    urgent,
)
from tests.trading.people import Person, next_update_id, store, toast
from tests.trading.pipeline import approve, assert_books_balance, close, open_position
from tests.trading.races import at_once
from trading import execution
from trading.models import Order, OutboxMessage, Position, Trader
from trading.services import panics
from trading.services.panic_progress import AGAIN_AFTER, MAX_TRIES
from trading.settlement import settle
from trading.telegram import delivery, updates
from trading.venues.base import Rejected
from vanta import clock

pytestmark = pytest.mark.django_db


def test_the_second_tap_closes_every_position_once(ada: Person, eth: Market, btc: Market) -> None:
    open_position(ada), open_position(ada, "/short BTC 50 5x")
    ada.types("/panic")
    panic = panic_of(ada)
    for _ in "twice":
        assert toast(ada.taps(f"panic:close:{panic.pk}")) == "Closing everything."
    assert "0 of 2 closed" in shown(ada)
    assert [order.collateral_usd for order in closings(ada)] == [100, 50]
    execution.drain()
    panics.follow()
    told = shown(ada)
    assert "Everything is closed" in told
    assert "2 of 2" in told
    assert "PnL  🟥" in told  # fees and spread
    assert labels(ada) == [RESUME]
    assert panic_of(ada).done_at is not None
    assert_books_balance()


def test_a_webhook_that_comes_twice_closes_nothing_twice(ada: Person, eth: Market) -> None:
    open_position(ada)
    ada.types("/panic")
    tap = ada.tap_update(f"panic:close:{panic_of(ada).pk}")
    store(tap)
    updates.drain()
    store({**tap, "update_id": next_update_id()})
    updates.drain()
    execution.drain()
    panics.follow()
    assert [order.state for order in closings(ada)] == ["FILLED"]


@pytest.mark.django_db(transaction=True)
def test_taps_and_the_dispatcher_at_the_same_moment_close_once(ada: Person, eth: Market) -> None:
    position = open_position(ada)
    panic = panics_and_closes(ada)
    Order.objects.filter(kind="close").update(state="CANCELED", reason="trading_halted", ended_at=clock.now())
    trader = ada.trader
    at_once(
        *(lambda: panics.close_everything(trader=trader, panic_id=panic.pk) for _ in range(3)),
        *(panics.follow for _ in range(3)),
        lambda: close(ada, position),
    )
    assert Order.objects.filter(kind="close", state="APPROVED").count() == 1
    execution.drain()
    assert_books_balance()


def test_a_part_that_is_being_closed_already_is_left_out(ada: Person, eth: Market) -> None:
    position = open_position(ada)
    close(ada, position, Decimal("0.25"))
    panics_and_closes(ada)
    assert [order.collateral_usd for order in closings(ada)] == [25, 75]


def test_what_was_on_its_way_is_closed_when_it_appears(ada: Person, eth: Market) -> None:
    approve(ada, "/long ETH 100 10x")
    (late,) = execution.claim(reductions_only=False)
    panics_and_closes(ada)
    assert "What opens of it is closed at once" in shown(ada)
    panics.follow()
    assert panic_of(ada).done_at is None
    Trader.objects.update(panic=None)  # it had left before
    execution.carry_out([late])
    Trader.objects.update(panic=panic_of(ada))
    assert panics.follow() == 1
    execution.drain()
    panics.follow()
    assert panic_of(ada).done_at is not None
    assert not Position.objects.filter(status="open").exists()
    assert_books_balance()


def test_without_redis_and_broker_both_taps_work(
    ada: Person, eth: Market, last_known: SetPrice, request: pytest.FixtureRequest
) -> None:
    position = open_position(ada)
    last_known("ETH/USD", "3000")
    request.getfixturevalue("redis_down")
    urgent(ada.text_update("/panic"))
    urgent(ada.tap_update(f"panic:close:{panic_of(ada).pk}"))
    position.refresh_from_db()
    assert position.status == "closed"
    panics.follow()
    assert "Everything is closed" in shown(ada)
    assert_books_balance()


def test_closing_works_while_trading_is_wound_down(ada: Person, eth: Market) -> None:
    position = open_position(ada)
    halt(TradingState.REDUCING)
    panics_and_closes(ada)
    execution.drain()
    position.refresh_from_db()
    assert position.status == "closed"


def test_in_a_halt_closings_wait_and_leave_as_soon_as_they_may(ada: Person, eth: Market) -> None:
    open_position(ada)
    halt()
    panics_and_closes(ada)
    assert (panics.follow(), closings(ada)) == (0, [])
    assert "waits for the end of the halt, and is closed then" in shown(ada)
    halt(TradingState.REDUCING)
    assert panics.follow() == 1
    execution.drain()
    assert [order.state for order in closings(ada)] == ["FILLED"]


def test_a_closing_that_a_halt_took_back_is_ordered_again_after_it(ada: Person, eth: Market) -> None:
    open_position(ada)
    panics_and_closes(ada)
    halt()
    execution.drain()
    panics.follow()
    assert [state(order) for order in closings(ada)] == [("CANCELED", "trading_halted")]
    halt(TradingState.ACTIVE)
    assert panics.follow() == 1


def test_a_closed_market_is_named_with_when_it_opens_and_closed_then(ada: Person, eth: Market, btc: Market) -> None:
    open_position(ada), open_position(ada, "/short BTC 50 5x")
    opens_at = dt.datetime(2100, 11, 23, 8, 57, tzinfo=dt.UTC)
    Market.objects.filter(pk=btc.pk).update(group_index=2, is_open=False, next_open_at=opens_at)
    panics_and_closes(ada)
    execution.drain()
    panics.follow()
    told = shown(ada)
    assert "1 of 2 closed" in told
    assert "closed until Tue 23 Nov 08:57 UTC. It is closed when it opens." in told
    Market.objects.filter(pk=btc.pk).update(group_index=0, is_open=True)
    assert panics.follow() == 1


def test_what_cannot_be_closed_is_tried_again_then_named_with_why_and_a_button(ada: Person, eth: Market) -> None:
    position = open_position(ada)
    panics_and_closes(ada)
    for number in range(1, MAX_TRIES + 1):
        with time_machine.travel(clock.now() + number * 2 * AGAIN_AFTER, tick=False):
            panics.follow()
            (refused,) = execution.claim(reductions_only=True)
            settle([refused], {refused.pk: Rejected("slippage_exceeded")})
            assert (panics.follow(), len(closings(ada))) == (0, number)
    with time_machine.travel(clock.now() + dt.timedelta(hours=1), tick=False):
        assert panics.follow() == 0
        assert "1 position could not be closed" in shown(ada)
        assert labels(ada) == ["🔁 Try again", RESUME]
        ada.taps(f"panic:close:{panic_of(ada).pk}")
        assert "⏳ closing" in shown(ada)
    assert position.status == "open"


def test_one_message_tells_all_of_it_and_is_edited_as_it_goes(
    ada: Person, eth: Market, btc: Market, api: BotApi
) -> None:
    open_position(ada), open_position(ada, "/short BTC 50 5x")
    delivery.drain()
    before = len(api.texts(ada.id))
    ada.types("/panic")
    delivery.drain()
    sent = api.messages(ada.id)[-1]
    ada.taps(f"panic:close:{panic_of(ada).pk}", message_id=sent["id"])
    delivery.drain()
    assert "0 of 2 closed" in api.texts(ada.id)[-1]
    execution.drain()
    panics.follow()
    delivery.drain()
    assert len(api.texts(ada.id)) == before + 1
    assert "Everything is closed.  2 of 2" in api.texts(ada.id)[-1]


def test_nothing_is_said_where_nothing_has_changed(ada: Person, eth: Market) -> None:
    open_position(ada)
    halt()
    panics_and_closes(ada)
    before = panic_of(ada)
    for _ in range(3):
        panics.follow()
    assert panic_of(ada).shown == before.shown
    assert OutboxMessage.objects.filter(method="panic_card").count() == 2
