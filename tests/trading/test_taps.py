"""Buttons: each tap is answered; a second one, a late one, a strange one and somebody else's change nothing."""

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
import time_machine

from feeds.models import Market
from tests.factories import make_market, make_order, make_position
from tests.trading.conftest import SetPrice
from tests.trading.people import Person, buttons, toast, words
from trading.models import Order, Trader
from trading.order_state import OrderState
from trading.services import orders
from vanta import clock

pytestmark = pytest.mark.django_db
D = Decimal


def state(order: Order) -> str:
    order.refresh_from_db()
    return order.state


def test_confirming_sends_the_order_on_its_way(ada: Person, eth: Market) -> None:
    order = ada.drafts("/long ETH 100 10x sl=2900")
    assert toast(ada.taps(f"confirm:{order.pk}", message_id=99)) == "On its way."
    assert state(order) == "APPROVED"
    assert order.card_message_id == 99
    assert order.decided_at is not None


def test_a_second_tap_changes_nothing_and_says_so(ada: Person, eth: Market) -> None:
    order = ada.drafts("/long ETH 100 10x")
    ada.taps(f"confirm:{order.pk}")
    assert toast(ada.taps(f"confirm:{order.pk}")) == "Already on its way."
    assert order.events.count() == 2
    assert len(ada.orders) == 1


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        ("FILLED", "Already filled."),
        ("CANCELED", "It was canceled before."),
        ("DENIED", "It was denied before."),
        ("EXPIRED", "Its time was over. Send the order again for a new preview."),
        ("REJECTED", "The venue rejected it."),
        ("SUBMITTING", "Already on its way."),
        ("UNKNOWN", "Already on its way."),
    ],
)
def test_a_tap_on_an_order_that_is_no_draft_says_what_became_of_it(
    ada: Person, eth: Market, ended: str, said: str
) -> None:
    ada.types("/start")
    order = make_order(trader=ada.trader, market=eth, state=ended)
    assert toast(ada.taps(f"confirm:{order.pk}")) == said
    assert state(order) == ended


def test_a_tap_after_the_preview_has_expired_ends_the_draft(ada: Person, eth: Market) -> None:
    order = ada.drafts("/long ETH 100 10x")
    Order.objects.filter(pk=order.pk).update(valid_until=clock.now() - dt.timedelta(seconds=1))
    owed = ada.taps(f"confirm:{order.pk}")
    assert toast(owed) == "Its time was over. Send the order again for a new preview."
    assert "Expired" in words(owed)
    assert not buttons(owed)
    assert state(order) == "EXPIRED"


@pytest.mark.parametrize(("after_s", "ends"), [(29, "APPROVED"), (31, "EXPIRED")])
def test_a_preview_is_valid_for_thirty_seconds(
    ada: Person, eth: Market, price: SetPrice, after_s: int, ends: str
) -> None:
    order = ada.drafts("/long ETH 100 10x")
    with time_machine.travel(order.created_at + dt.timedelta(seconds=after_s), tick=False):
        price("ETH/USD", "3000")
        ada.taps(f"confirm:{order.pk}")
    assert state(order) == ends


@pytest.mark.parametrize("verb", ["confirm", "cancel", "upside"])
def test_a_tap_by_somebody_else_changes_nothing(ada: Person, grace: Person, eth: Market, verb: str) -> None:
    order = ada.drafts("/long ETH 100 10x")
    assert "somebody else" in toast(grace.taps(f"{verb}:{order.pk}"))
    assert state(order) == "DRAFT"
    assert not grace.orders


def test_closing_somebody_elses_position_finds_nothing_to_close(ada: Person, grace: Person, eth: Market) -> None:
    ada.types("/start")
    position = make_position(trader=ada.trader, market=eth)
    assert "nothing left to close" in toast(grace.taps(f"close:{position.pk}:50:0"))
    assert not Order.objects.exists()


@pytest.mark.parametrize("verb", ["confirm", "cancel"])
def test_a_forwarded_card_does_nothing_even_for_its_owner(ada: Person, grace: Person, eth: Market, verb: str) -> None:
    order = ada.drafts("/long ETH 100 10x")
    for person in (ada, grace):
        owed = person.taps(f"{verb}:{order.pk}", chat_id=-100_777)
        assert "own chat" in toast(owed)
        assert {row.chat_id for row in owed} == {person.id}
    assert state(order) == "DRAFT"
    assert order.card_message_id is None


def test_a_tap_in_a_group_never_makes_the_group_a_traders_chat(grace: Person, eth: Market) -> None:
    grace.taps("positions:", chat_id=-100_777)
    assert Trader.objects.get().chat_id == grace.id


def test_canceling_a_draft_takes_its_buttons_away(ada: Person, eth: Market) -> None:
    order = ada.drafts("/long ETH 100 10x")
    owed = ada.taps(f"cancel:{order.pk}")
    assert toast(owed) == "Canceled."
    assert "Nothing was sent" in words(owed)
    assert not buttons(owed)
    assert toast(ada.taps(f"confirm:{order.pk}")) == "It was canceled before."
    assert toast(ada.taps(f"cancel:{order.pk}")) == "It was canceled before."
    assert state(order) == "CANCELED"


def test_an_approved_order_that_has_not_left_can_still_be_canceled(ada: Person, eth: Market) -> None:
    order = ada.drafts("/long ETH 100 10x")
    ada.taps(f"confirm:{order.pk}")
    assert toast(ada.taps(f"cancel:{order.pk}")) == "Canceled."
    assert state(order) == "CANCELED"


def test_an_order_that_has_left_cannot_be_canceled(ada: Person, eth: Market) -> None:
    ada.types("/start")
    order = make_order(trader=ada.trader, market=eth, state="SUBMITTING")
    assert toast(ada.taps(f"cancel:{order.pk}")).startswith("Too late: it is on its way.")
    assert state(order) == "SUBMITTING"


GARBAGE: list[Any] = [
    "",
    ":",
    "confirm",
    "confirm:",
    "confirm:abc",
    "confirm:-1",
    "confirm:1.5",
    "confirm:٣",
    "confirm:" + "9" * 19,
    "confirm:" + "9" * 5000,
    "cancel:1 OR 1=1",
    "cancel:list:",
    "cancel:market:all",
    "cancel:market:999999999999999999",
    "cancel:some:1",
    "other_type:",
    "other_type:999",
    "close:1",
    "close:1:0:0",
    "close:1:101:0",
    "close:1:abc:0",
    "close:1:50",
    "close:1:50:x",
    "close:1:50:-1",
    "close::50:0",
    "upside:",
    "markets:x:y",
    "markets:999999999999999999:<b>",
    "unknown:1",
    "<b>",
    "🚀" * 1000,
    None,
    7,
    ["confirm:1"],
]


@pytest.mark.parametrize("data", GARBAGE, ids=lambda data: ascii(data)[:30])
def test_garbage_on_a_button_is_answered_and_changes_nothing(ada: Person, eth: Market, data: Any) -> None:
    ada.types("/start")
    make_position(pk=1, trader=ada.trader, market=eth)
    owed = ada.taps(data)
    assert owed[0].method == "answerCallbackQuery"
    assert not Order.objects.exists()


def test_a_tap_on_a_card_too_old_to_be_shown_is_answered_by_a_new_message(ada: Person, eth: Market) -> None:
    order = ada.drafts("/long ETH 100 10x")
    update = ada.tap_update(f"cancel:{order.pk}")
    del update["callback_query"]["message"]
    owed = ada._handled(update)
    assert [row.method for row in owed] == ["answerCallbackQuery", "sendMessage"]
    assert state(order) == "CANCELED"


@pytest.mark.parametrize("message_id", [2**70, -5, True, "7", None, [1]], ids=str)
def test_an_absurd_message_id_is_no_message_id(ada: Person, eth: Market, message_id: Any) -> None:
    order = ada.drafts("/long ETH 100 10x")
    update = ada.tap_update(f"confirm:{order.pk}")
    update["callback_query"]["message"]["message_id"] = message_id
    ada._handled(update)
    assert state(order) == "APPROVED"
    assert order.card_message_id is None


@pytest.mark.parametrize("share", ["25", "50", "100"])
def test_a_close_button_closes_its_share(ada: Person, eth: Market, share: str) -> None:
    ada.types("/start")
    position = make_position(trader=ada.trader, market=eth)
    assert toast(ada.taps(f"close:{position.pk}:{share}:0")) == "Closing."
    (order,) = ada.orders
    assert (order.kind, order.state, order.position_id) == ("close", "APPROVED", position.pk)
    assert order.collateral_usd == D(share)


def test_tapping_close_twice_closes_no_more_than_there_is(ada: Person, eth: Market) -> None:
    ada.types("/start")
    position = make_position(trader=ada.trader, market=eth)
    for number, share in enumerate(("50", "100", "25")):
        ada.taps(f"close:{position.pk}:{share}:{number}")
    assert [order.collateral_usd for order in ada.orders] == [D(50), D(50)]
    assert "nothing left to close" in toast(ada.taps(f"close:{position.pk}:100:2"))


def test_a_price_that_moved_asks_for_a_second_look(ada: Person, eth: Market, price: SetPrice) -> None:
    order = ada.drafts("/long ETH 100 10x sl=2900")
    price("ETH/USD", "3010")
    owed = ada.taps(f"confirm:{order.pk}")
    assert toast(owed) == "The price moved. Please look again and confirm."
    assert "3,010.30" in words(owed)
    assert "✅ Confirm" in buttons(owed)
    assert state(order) == "DRAFT"
    assert order.quoted_price == D(3010)
    ada.taps(buttons(owed)["✅ Confirm"])
    assert state(order) == "APPROVED"


@pytest.mark.parametrize(("moved_to", "ends"), [("3006", "APPROVED"), ("3006.01", "DRAFT"), ("2993.99", "DRAFT")])
def test_a_confirmation_counts_within_two_tenths_of_a_percent(
    ada: Person, eth: Market, price: SetPrice, moved_to: str, ends: str
) -> None:
    order = ada.drafts("/long ETH 100 10x")
    price("ETH/USD", moved_to)
    ada.taps(f"confirm:{order.pk}")
    assert state(order) == ends


def test_a_requoted_card_is_valid_for_a_full_time_again(ada: Person, eth: Market, price: SetPrice) -> None:
    order = ada.drafts("/long ETH 100 10x")
    with time_machine.travel(order.created_at + dt.timedelta(seconds=29), tick=False):
        price("ETH/USD", "3010")
        assert "valid 30 s" in words(ada.taps(f"confirm:{order.pk}"))


def test_too_much_leverage_offers_the_upside_pair(ada: Person, eth_upside: Market) -> None:
    owed = ada.types("/long ETH 10 200x")
    shown = words(owed)
    assert "Leverage 200x is above the limit of 75x. ETH_UPSIDE offers more." in shown
    denied = ada.orders[0]
    assert buttons(owed) == {"Preview on ETH_UPSIDE": f"upside:{denied.pk}"}
    followed = ada.taps(f"upside:{denied.pk}")
    assert "LONG ETH_UPSIDE 200x" in words(followed)
    assert ada.orders[1].state == "DRAFT"
    assert ada.orders[1].market_id == eth_upside.pk


def test_the_positions_button_shows_the_positions(ada: Person, eth: Market) -> None:
    assert "positions:" in buttons(ada.types("/start")).values()
    assert "no open positions" in words(ada.taps("positions:"))


def test_expired_drafts_lose_their_buttons_without_a_tap(ada: Person, eth: Market) -> None:
    order = ada.drafts("/long ETH 100 10x")
    Order.objects.filter(pk=order.pk).update(valid_until=clock.now() - dt.timedelta(seconds=1), card_message_id=5)
    assert orders.expire_drafts() == 1
    assert state(order) == OrderState.EXPIRED
    assert order.messages.filter(method="order_card").count() == 1
    assert orders.expire_drafts() == 0


def test_a_closed_market_denies_a_close_with_its_opening_time(ada: Person) -> None:
    opens = clock.now() + dt.timedelta(hours=9)
    market = make_market("EUR/USD", group_index=2, is_open=False, next_open_at=opens)
    ada.types("/start")
    position = make_position(trader=ada.trader, market=market)
    owed = ada.taps(f"close:{position.pk}:100:0")
    assert toast(owed) == "It cannot be closed right now."
    assert f"closed until {opens:%a %d %b %H:%M} UTC" in words(owed)
