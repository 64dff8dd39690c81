"""/increase: which position is meant, and what its cards show."""

from decimal import Decimal

import pytest

from feeds.models import Market
from tests.factories import make_position
from tests.trading.increasing import approved, ended
from tests.trading.people import Person, buttons, toast, words
from tests.trading.pipeline import open_position
from trading.models import Order
from trading.telegram import cards

pytestmark = pytest.mark.django_db
D = Decimal


def test_the_preview_shows_each_number_before_and_after(ada: Person, eth: Market) -> None:
    position = open_position(ada, "/long ETH 100 10x sl=2900")
    owed = ada.types("/increase ETH 50 4x")
    shown = words(owed)
    for part in (
        f"Add 50.00</b> USDC to position #{position.pk}",
        "Collateral  100.00 → <b>150.00</b>",
        "Notional  1,000.00 → <b>1,200.00</b>",
        "Leverage  10x → <b>8x</b>",
        "Entry  3,000.30 → <b>3,000.30</b>",
        "Liquidation  2,745.27 → <b>2,681.52</b>",
        "Loss at stop 2,900.00",
        "open fee 0.09",
    ):
        assert part in shown, part
    assert buttons(owed) == {
        "✅ Confirm": f"confirm:{ada.orders[-1].pk}",
        "✖️ Cancel": f"cancel:{ada.orders[-1].pk}",
    }


def test_without_a_stop_it_says_that_the_whole_can_be_lost(ada: Person, eth: Market) -> None:
    open_position(ada)
    assert "you can lose all of the position, <b>150.00</b>" in ada.answer("/increase ETH 50")


def test_the_card_of_a_fill_shows_what_was_added_and_what_there_is(ada: Person, eth: Market) -> None:
    open_position(ada)
    order = ended(approved(ada))
    shown = cards.order_card(Order.objects.get(pk=order.pk))["text"]
    assert "Added  <b>50.00</b> USDC at 3,000.30" in shown
    assert "150.00 USDC at 10x" in shown
    assert f"{order.pk} increase long ETH" in ada.answer("/orders")
    assert "increase long ETH" in ada.answer(f"/why {order.pk}")


@pytest.mark.parametrize(("leverage", "typed"), [("10", "10"), ("9.8765", "9.87"), ("0.5", "1"), ("80", "75")])
def test_without_a_leverage_it_is_the_positions_as_far_as_the_market_takes_it(
    ada: Person, eth: Market, leverage: str, typed: str
) -> None:
    ada.types("/start")
    make_position(trader=ada.trader, market=eth, leverage=D(leverage))
    ada.types("/increase ETH 200")
    assert ada.orders[-1].leverage == D(typed)


def test_of_several_positions_one_is_chosen_by_its_button(ada: Person, eth: Market) -> None:
    first, second = open_position(ada), open_position(ada)
    owed = ada.types("/increase ETH 50.5 5x")
    assert "Add 50.50 USDC to which position?" in words(owed)
    chosen = [data for label, data in buttons(owed).items() if label.startswith(f"#{first.pk} ")]
    assert chosen == [f"increase:{first.pk}:50.5:5"]
    previewed = ada.taps(chosen[0])
    assert toast(previewed) == "Preview follows."
    order = ada.orders[-1]
    assert (order.position_id, order.collateral_usd, order.leverage) == (first.pk, D("50.5"), D(5))
    assert ada.drafts(f"/increase #{second.pk} 50").position_id == second.pk


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("/increase", "Which market?"),
        ("/increase 50 ETH", "The market comes first."),
        ("/increase ETH", "How much collateral?"),
        ("/increase ETH x", "This is not an amount."),
        ("/increase ETH -5", "This is not an amount."),
        ("/increase ETH 0", "more than zero"),
        ("/increase ETH 50 0.5x", "Leverage starts at 1x"),
        ("/increase ETH 50 sl=2900", "keeps its stop and take-profit"),
        ("/increase ETH 50 60", "two amounts"),
        ("/increase ETHH 50", "Did you mean"),
        ("/increase #x 50", "Which one?"),
        ("/increase #999999 50", "no such open position"),
        ("/increase BTC 50", "There is no market"),
        ("/increase ETH 50", "no such open position"),
    ],
)
def test_what_cannot_be_meant_is_answered_with_what_can(ada: Person, eth: Market, typed: str, said: str) -> None:
    assert said in ada.answer(typed)
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    "argument", ["", "1", "1:0:", "1:50:0.1", "x:50:", "1:-5:", "1:50:9e9", "1:1e3:", "2:50:", "1:" + "9" * 60]
)
def test_garbage_on_its_button_is_answered_and_changes_nothing(ada: Person, eth: Market, argument: str) -> None:
    ada.types("/start")
    make_position(pk=1, trader=ada.trader, market=eth)
    assert ada.taps(f"increase:{argument}")[0].method == "answerCallbackQuery"
    assert not Order.objects.exists()


def test_somebody_elses_position_is_nobodys(ada: Person, grace: Person, eth: Market) -> None:
    position = open_position(ada)
    assert toast(grace.taps(f"increase:{position.pk}:50:")) == "There is no such open position any more."
    assert "no such open position" in grace.answer(f"/increase #{position.pk} 50")
    assert not grace.orders
