"""`/margin`: a preview, one tap, buttons where several positions fit; whatever else is typed or tapped is refused."""

from decimal import Decimal
from typing import Any

import pytest

from feeds.models import Market
from tests.trading.people import Person, buttons, toast, words
from tests.trading.pipeline import assert_books_balance, open_position
from trading import execution, invariants
from trading.errors import NoOpenPosition
from trading.models import Order
from trading.models.orders import K
from trading.services import changing, margin_moves
from trading.services.orders import Origin
from trading.telegram import cards, margin_commands
from trading.telegram.numbers import Mistake

pytestmark = pytest.mark.django_db
D = Decimal


def carried_out(order: Order) -> Order:
    execution.drain()
    order.refresh_from_db()
    return order


def test_a_move_is_previewed_and_made_by_one_tap(ada: Person, eth: Market) -> None:
    position = open_position(ada)
    shown = ada.types("/margin ETH +50")
    assert "Add 50.00 USDC of margin?" in words(shown)
    assert "Leverage  <b>6.67x</b>  (now 10x)" in words(shown)
    assert not Order.objects.filter(kind=K.ADD_MARGIN).exists()
    (data,) = buttons(shown).values()
    assert toast(ada.taps(data, message_id=99)) == "On its way."
    order = carried_out(ada.orders[-1])
    assert (order.state, order.card_message_id, order.decision["denials"]) == ("FILLED", 99, [])
    assert "Collateral  <b>150.00 USDC</b>  (was 100.00 USDC)" in cards.order_card(order)["text"]
    assert "Margin added" in words(ada.types(f"/why {order.pk}"))
    assert "add margin long ETH 50.00" in words(ada.types("/orders"))
    assert toast(ada.taps(data, message_id=99)).startswith("This position has changed")
    position.refresh_from_db()
    assert position.collateral_usd == 150
    assert invariants.breaches() == []


def test_a_withdrawal_comes_back_to_the_balance(ada: Person, eth: Market) -> None:
    position = open_position(ada)
    free = ada.trader.accounts.get().free_balance_usd
    (data,) = buttons(ada.types(f"/margin #{position.pk} −20")).values()
    ada.taps(data)
    assert carried_out(ada.orders[-1]).state == "FILLED"
    position.refresh_from_db()
    assert (position.collateral_usd, position.leverage) == (D(80), D("12.5"))
    assert ada.trader.accounts.get().free_balance_usd == free + 20
    assert_books_balance()


def test_where_several_positions_fit_buttons_ask_which(ada: Person, eth: Market) -> None:
    first, second = open_position(ada), open_position(ada, "/short ETH 100 5x")
    asked = ada.types("/margin ETH -20")
    assert list(buttons(asked).values()) == [f"margin_for:{each.pk}:-20" for each in (second, first)]
    assert f"#{first.pk}" in words(ada.taps(f"margin_for:{first.pk}:-20"))


UNCLEAR = [
    ("/margin", "Which market?"),
    ("/margin ETH", "How much?"),
    ("/margin ETH 50", "In or out?"),
    ("/margin ETH +", "not an amount"),
    ("/margin ETH +-50", "not an amount"),
    ("/margin ETH +0", "more than zero"),
    ("/margin ETH +1e9", "not an amount"),
    ("/margin ETH +0.0000001", "six decimals"),
    ("/margin ETH +NaN", "not an amount"),
    ("/margin BTC +50", "There is no market"),
    ("/margin 999 +50", "no such open position"),
]


def test_what_cannot_be_understood_says_so(ada: Person, eth: Market) -> None:
    open_position(ada)
    for typed, said in UNCLEAR:
        assert said in ada.answer(typed), typed


def test_a_hostile_tap_moves_nothing(ada: Person, eth: Market) -> None:
    open_position(ada)
    for data in ("margin:", "margin:1", "margin:1:50:0", "margin:1:+50:", "margin_for:x:+1", "margin:1:+5:-1"):
        ada.taps(data)
    assert not Order.objects.filter(kind__in=[K.ADD_MARGIN, K.TAKE_MARGIN]).exists()


def test_somebody_elses_position_is_no_position(ada: Person, grace: Person, eth: Market) -> None:
    position = open_position(ada)
    grace.types("/start")
    assert "no such open position" in toast(grace.taps(f"margin:{position.pk}:+50:1"))
    with pytest.raises(NoOpenPosition):
        margin_moves.add(trader=grace.trader, position_id=position.pk, amount_usd=D(50), origin=Origin())


def test_a_margin_order_cannot_be_confirmed_as_an_opening(ada: Person, eth: Market) -> None:
    position = open_position(ada)
    draft = changing.draft(changing.lock_open(ada.trader, position.pk), K.TAKE_MARGIN, origin=Origin())
    ada.taps(f"confirm:{draft.pk}")
    draft.refresh_from_db()
    assert draft.state == "DRAFT"


@pytest.mark.parametrize(("word", "amount"), [("+50", 50), ("-0.5", "-0.5"), ("−1k", -1000), ("–$20", -20)])
def test_amounts_have_a_sign(word: str, amount: Any) -> None:
    assert margin_commands.parse_move(word) == D(amount)


@pytest.mark.parametrize("word", ["", "50", "++5", "+", "+١", "+5" * 40])
def test_what_is_no_amount_with_a_sign_is_a_mistake(word: str) -> None:
    with pytest.raises(Mistake):
        margin_commands.parse_move(word)


def test_more_than_there_is_is_told_in_one_sentence_with_what_would_pass(ada: Person, eth: Market) -> None:
    open_position(ada)
    (told,) = words(ada.types("/margin ETH -500")).split("•")[1:]
    assert told.splitlines()[0].strip() == "The position has 100.00 USDC of margin; not all of it can be withdrawn."
    assert "At most" in told
