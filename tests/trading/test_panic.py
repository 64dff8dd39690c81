"""/panic: nothing of the trader's opens from the first tap on; a step of its own lets them open again."""

import pytest

from feeds.models import Market
from risk.trading_state import TradingState
from tests.trading.conftest import SetPrice
from tests.trading.panicking import CLOSE, RESUME, closings, halt, labels, panic_of, panics_and_closes, shown, state
from tests.trading.people import Person, buttons, toast, words
from tests.trading.pipeline import approve, assert_books_balance, open_position
from trading import execution, guardian, reconciliation
from trading.models import Order, OutboxMessage, Panic, PaperExecution, Trader
from trading.services import canceling, panics
from trading.telegram import panic_cards, webhook
from trading.telegram.panic_commands import OVER
from vanta import clock
from vanta.models import AuditEntry

pytestmark = pytest.mark.django_db


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
    assert panics.follow() == 0  # it closes nothing, and says what came of it
    assert "May still open" not in shown(ada)
    assert OutboxMessage.objects.filter(method="panic_card").count() == 2
    panics.follow()
    assert OutboxMessage.objects.filter(method="panic_card").count() == 2
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
