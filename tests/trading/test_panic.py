"""/panic: nothing of the trader's opens from the first tap on, the second closes everything, a third lets them open."""

import datetime as dt
from decimal import Decimal

import pytest
import time_machine

from feeds.models import Market
from risk import trading_state
from risk.trading_state import TradingState
from tests.factories import make_market
from tests.trading.bot_api import BotApi
from tests.trading.conftest import SetPrice
from tests.trading.people import Person, buttons, next_update_id, store, toast, words
from tests.trading.pipeline import approve, assert_books_balance, close, open_position
from tests.trading.races import at_once
from trading import dispatcher, execution, guardian, reconciliation
from trading.models import Order, Panic, PaperExecution, Position, TelegramUpdate, Trader
from trading.services import canceling, panics
from trading.services.panic_progress import AGAIN_AFTER, MAX_TRIES
from trading.settlement import settle
from trading.telegram import delivery, panic_cards, updates, webhook
from trading.telegram.panic_commands import OVER
from trading.venues.base import Rejected
from vanta import clock
from vanta.models import AuditEntry

pytestmark = pytest.mark.django_db
CLOSE, RESUME = "🧨 Close everything", "▶️ Resume trading"


@pytest.fixture
def btc(eth: Market, price: SetPrice) -> Market:
    price("BTC/USD", "60000")
    return make_market("BTC/USD")


def panic_of(person: Person) -> Panic:
    return Panic.objects.get(trader=person.trader)


def shown(person: Person) -> str:
    """The panic's message as it would be sent now."""
    return str(panic_cards.card(panic_of(person))["text"])


def labels(person: Person) -> list[str]:
    rows = panic_cards.card(panic_of(person)).get("reply_markup", {}).get("inline_keyboard", [])
    return [button["text"] for row in rows for button in row]


def panics_and_closes(person: Person) -> Panic:
    """Both taps."""
    person.types("/panic")
    person.taps(f"panic:close:{panic_of(person).pk}")
    return panic_of(person)


def closings(person: Person) -> list[Order]:
    return [order for order in person.orders if order.kind == "close"]


def state(order: Order) -> tuple[str, str]:
    order.refresh_from_db()
    return order.state, order.reason


def halt(to: TradingState = TradingState.HALTED) -> None:
    trading_state.change(to, actor="test", reason="a test")


# The first tap


def test_the_first_tap_says_what_is_open_and_offers_to_close_it(ada: Person, eth: Market, btc: Market) -> None:
    positions = open_position(ada), open_position(ada, "/short BTC 50 5x")
    ada.types("/panic")
    told = shown(ada)
    assert "2 positions open" in told
    assert all(f"#{position.pk}" in told for position in positions)
    assert labels(ada) == [CLOSE, RESUME]
    assert not closings(ada)


def test_who_has_nothing_open_is_stopped_all_the_same(ada: Person, eth: Market) -> None:
    ada.types("/panic now, quickly!")
    assert "You have no open positions" in shown(ada)
    assert labels(ada) == [RESUME]
    ada.types("/long ETH 100 10x")
    assert state(ada.orders[-1]) == ("DENIED", "entries_stopped")


def test_a_preview_from_before_opens_nothing(ada: Person, eth: Market) -> None:
    draft = ada.drafts("/long ETH 100 10x")
    ada.types("/panic")
    ada.taps(f"confirm:{draft.pk}")
    assert state(draft) == ("DENIED", "entries_stopped")


def test_what_has_not_left_is_canceled_and_what_rests_is_taken_back(ada: Person, eth: Market) -> None:
    resting = approve(ada, "/limit ETH long 100 10x @2900")
    execution.drain()
    waiting = approve(ada, "/long ETH 100 10x")
    ada.types("/panic")
    assert state(waiting) == ("CANCELED", "canceled_by_panic")
    assert f"Stopped before it left: #{waiting.pk}" in shown(ada)
    assert f"#{resting.pk} LONG ETH 100.00 at 10x: limit 2,900.00, being taken back" in shown(ada)
    execution.drain()
    assert state(resting)[0] == "CANCELED"
    assert_books_balance()


def test_what_was_claimed_before_is_not_sent_after(ada: Person, eth: Market) -> None:
    approve(ada, "/long ETH 100 10x")
    (order,) = execution.claim(reductions_only=False)
    ada.types("/panic")
    assert f"#{order.pk} LONG ETH 100.00 at 10x: on its way" in shown(ada)
    execution.carry_out([order])
    Order.objects.update(next_check_at=clock.now())
    reconciliation.drain()
    assert not PaperExecution.objects.exists()


def test_what_comes_to_rest_afterwards_is_taken_back_by_itself(ada: Person, eth: Market) -> None:
    approve(ada, "/limit ETH long 100 10x @2900")
    (order,) = execution.claim(reductions_only=False)
    ada.types("/panic")
    Order.objects.filter(pk=order.pk).update(state="RESTING")
    assert canceling.cancel_unwanted() == 1
    assert Order.objects.get(kind="cancel").reason == "entries_stopped"


def test_nothing_that_rests_on_paper_is_filled(ada: Person, eth: Market, price: SetPrice) -> None:
    from_before = approve(ada, "/limit ETH long 100 10x @2900")
    execution.drain()
    ada.types("/panic")
    price("ETH/USD", "2800")
    guardian.close_crossed()
    execution.drain()
    assert state(from_before)[0] == "CANCELED"


@pytest.mark.parametrize("typed", ["/increase ETH 50", "/sl ETH 2800"])
def test_more_risk_is_no_way_around_it(ada: Person, eth: Market, typed: str) -> None:
    open_position(ada, "/long ETH 100 10x sl=2900")
    ada.types("/panic")
    ada.types(typed)
    assert state(ada.orders[-1]) == ("DENIED", "entries_stopped")


def test_others_go_on_trading(ada: Person, grace: Person, eth: Market) -> None:
    ada.types("/panic")
    assert open_position(grace).status == "open"


def test_stopping_again_changes_nothing_and_says_what_is_open_in_a_new_message(ada: Person, eth: Market) -> None:
    ada.types("/panic")
    Panic.objects.update(message_id=5)
    (row,) = ada.types("/panic")
    assert (row.method, panic_of(ada).message_id) == ("panic_card", None)
    assert AuditEntry.objects.filter(action="trader.panic").count() == 1


# The second tap


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
    for update in (lambda: ada.text_update("/panic"), lambda: ada.tap_update(f"panic:close:{panic_of(ada).pk}")):
        row = store(update())
        TelegramUpdate.objects.filter(pk=row.pk).update(is_urgent=webhook._is_urgent(row.payload))
        dispatcher.carry_out_urgent()
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
    assert "trading is halted, nothing is sent" in shown(ada)
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
    assert delivery.OutboxMessage.objects.filter(method="panic_card").count() == 2


# The third


def test_resuming_is_a_step_of_its_own_and_asks_first(ada: Person, eth: Market) -> None:
    ada.types("/panic")
    panic = panic_of(ada)
    for asked in (ada.taps(f"panic:ask:{panic.pk}"), ada.types("/panic off")):
        assert "Resume trading?" in words(asked)
        assert buttons(asked) == {
            "▶️ Yes, resume": f"panic:resume:{panic.pk}",
            "🛑 Stay stopped": f"panic:stay:{panic.pk}",
        }
    ada.taps(f"panic:stay:{panic.pk}")
    assert ada.trader.blocked_by == "entries_stopped"
    ada.taps(f"panic:resume:{panic.pk}")
    assert ada.trader.blocked_by == ""
    assert open_position(ada).status == "open"
    assert "You resumed at" in shown(ada)


def test_a_button_of_a_stop_that_is_over_closes_nothing(ada: Person, eth: Market) -> None:
    ada.types("/panic")
    panic = panic_of(ada)
    ada.taps(f"panic:resume:{panic.pk}")
    open_position(ada)
    for verb in ("close", "resume", "ask"):
        assert toast(ada.taps(f"panic:{verb}:{panic.pk}")) == OVER
    assert not closings(ada)


def test_somebody_elses_button_does_nothing(ada: Person, grace: Person, eth: Market) -> None:
    open_position(ada)
    ada.types("/panic")
    grace.types("/panic")
    assert toast(grace.taps(f"panic:close:{panic_of(ada).pk}")) == OVER
    assert not closings(ada)


def test_resuming_leaves_closings_that_are_under_way_and_orders_no_more(ada: Person, eth: Market) -> None:
    open_position(ada)
    halt()
    panic = panics_and_closes(ada)
    assert "1 position still open" in words(ada.types("/panic off"))
    ada.taps(f"panic:resume:{panic.pk}")
    halt(TradingState.ACTIVE)
    assert (panics.follow(), closings(ada)) == (0, [])


def test_it_does_not_lift_what_an_admin_has_set(ada: Person, eth: Market) -> None:
    ada.types("/panic")
    Trader.objects.update(is_active=False)
    ada.taps(f"panic:resume:{panic_of(ada).pk}")
    assert ada.trader.blocked_by == "trader_disabled"


def test_who_has_not_stopped_is_told_so(ada: Person, eth: Market) -> None:
    assert ada.answer("/panic off") == panic_cards.NOT_STOPPED


# What else knows of it


@pytest.mark.parametrize("text", ["/panic", "/PANIC now", "/panic off"])
def test_it_is_never_held_up(ada: Person, text: str) -> None:
    assert webhook._is_urgent(ada.text_update(text))
    assert webhook._is_urgent(ada.tap_update("panic:close:1"))


def test_every_answer_and_the_status_say_so(ada: Person, eth: Market) -> None:
    ada.types("/panic")
    assert "You have stopped your entries" in ada.answer("/balance")
    assert "You stopped your entries at" in ada.answer("/status")


def test_each_step_is_audited(ada: Person, eth: Market) -> None:
    open_position(ada)
    panic = panics_and_closes(ada)
    ada.taps(f"panic:resume:{panic.pk}")
    entries = AuditEntry.objects.order_by("seq")
    assert [entry.action for entry in entries] == ["trader.panic", "trader.panic_close", "trader.resume"]
    assert {entry.subject for entry in entries} == {f"trader:{ada.trader.pk}"}
    assert str(ada.id) in entries[0].actor


def test_why_tells_that_a_closing_came_of_it(ada: Person, eth: Market) -> None:
    open_position(ada)
    panics_and_closes(ada)
    execution.drain()
    (closing,) = closings(ada)
    assert closing.chat_id is None  # the panic's message tells of it
    assert "You closed everything with /panic" in ada.answer(f"/why {closing.pk}")
