"""/sl and /tp: what can be typed and tapped, and that each gets an answer."""

import pytest

from feeds.models import Market
from risk import trading_state
from risk.trading_state import TradingState
from tests.factories import make_market
from tests.trading.conftest import SetPrice
from tests.trading.people import Person, buttons, toast, words
from tests.trading.pipeline import open_position
from trading import execution
from trading.models import Order, Position
from trading.telegram import cards

pytestmark = pytest.mark.django_db
OPENING = "/long ETH 100 10x sl=2900 tp=3300"


@pytest.fixture
def position(ada: Person, eth: Market) -> Position:
    return open_position(ada, OPENING)


def stops(position: Position) -> tuple[str, str]:
    execution.drain()
    position.refresh_from_db()
    return tuple("" if level is None else f"{level:.2f}" for level in (position.stop_loss, position.take_profit))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("/sl ETH 2950", ("2950.00", "3300.00")),
        ("/sl 2,950", ("2950.00", "3300.00")),
        ("/SL eth/usd SL=2950", ("2950.00", "3300.00")),
        ("/sl ETH 2%", ("2940.29", "3300.00")),  # from the entry, 3000.30
        ("/sl $20", ("2940.29", "3300.00")),
        ("/sl ETH off", ("", "3300.00")),
        ("/sl none", ("", "3300.00")),
        ("/tp ETH 5%", ("2900.00", "3150.32")),
        ("/tp off", ("2900.00", "")),
    ],
)
def test_a_level_is_typed_as_when_opening(ada: Person, position: Position, text: str, after: tuple[str, str]) -> None:
    assert "On its way" in ada.answer(text)
    assert stops(position) == after


def test_a_card_says_what_is_on_its_way_and_what_was_done(ada: Person, position: Position) -> None:
    (sent,) = ada.types("/sl ETH 2950")
    assert "Stop  2,950.00  (now 2,900.00)\nTake-profit  3,300.00" in sent.payload["text"]
    stops(position)
    order = ada.orders[-1]
    assert (sent.order_id, order.card_message_id) == (order.pk, None)
    assert "Stop and take-profit set" in cards.order_card(order)["text"]


MISTAKES = [
    ("/sl", "Which level?"),
    ("/sl ETH", "Which level?"),
    ("/sl ETH 2950 please", "please"),
    ("/sl ETH wide", "Write a price"),
    ("/sl ETH -5", "Write a price"),
    ("/sl ETH 0", "more than zero"),
    ("/sl ETH NaN", "Write a price"),
    ("/sl ETH 1e9", "Write a price"),
    ("/sl ETH 100%", "not a price above zero"),
    ("/tp ETH 999999999999999%", "not a price above zero"),
    ("/sl ETH " + "9" * 31, "Write a price"),
    ("/sl DOGECOIN 2900", "There is no market"),
    ("/sl #999999 2900", "no open position here"),
    ("/sl # 2900", "There is no market"),
    ("/sl <b> 2900", "There is no market"),
    ("/sl ETH 2900", "The stop is 2,900.00 already. Nothing was sent."),
    ("/tp ETH 3001%", "passes with a take-profit at 10,501"),
]


def test_what_cannot_be_done_is_answered_and_changes_nothing(ada: Person, position: Position) -> None:
    for text, said in MISTAKES:
        assert said in ada.answer(text), text
    assert stops(position) == ("2900.00", "3300.00")
    assert not Order.objects.filter(kind="stops").exclude(state="DENIED").exists()


def test_without_a_position_it_says_so(ada: Person, eth: Market) -> None:
    assert "no open position here" in ada.answer("/sl 2900")
    assert "no open position here" in ada.answer("/tp ETH off")


def test_the_only_one_in_a_market_needs_no_choice(ada: Person, position: Position, price: SetPrice) -> None:
    make_market("BTC/USD")
    price("BTC/USD", "60000")
    open_position(ada, "/long BTC 100 10x")
    assert "On its way" in ada.answer("/sl ETH 2950")
    assert stops(position)[0] == "2950.00"


def test_one_of_several_is_chosen_by_a_button_and_a_second_tap_does_nothing_more(
    ada: Person, position: Position
) -> None:
    other = open_position(ada, "/long ETH 100 20x")
    asked = ada.types("/sl 2%")
    assert "Which position gets stop 2%?" in words(asked)
    tapped = buttons(asked)[f"#{other.pk} LONG ETH 20x · DRY → 2,940.29"]
    answered = ada.taps(tapped)
    assert toast(answered) == "On its way."
    assert "Stop  2,940.29" in words(answered)
    assert "is on its way" in toast(ada.taps(tapped))
    assert (stops(position)[0], stops(other)[0]) == ("2900.00", "2940.29")
    assert "already" in toast(ada.taps(tapped))
    assert Order.objects.filter(kind="stops").count() == 1


def test_a_number_names_one_of_several(ada: Person, position: Position) -> None:
    open_position(ada, "/long ETH 100 20x")
    assert "On its way" in ada.answer(f"/tp #{position.pk} off")
    assert stops(position) == ("2900.00", "")


def test_a_button_that_we_never_wrote_changes_nothing(ada: Person, position: Position) -> None:
    for data in ("stops:", "stops:x:sl:1", "stops:1:xx:1", "stops:1", "stops:1:sl:", "stops:1:sl:1:2:3"):
        assert toast(ada.taps(data)), data
    assert stops(position) == ("2900.00", "3300.00")


def test_somebody_elses_button_changes_nothing(ada: Person, grace: Person, position: Position) -> None:
    assert "ended" in toast(grace.taps(f"stops:{position.pk}:sl:off"))
    assert toast(grace.taps(f"stops:{position.pk}:sl:off", chat_id=ada.id)).startswith("This card was sent")
    assert stops(position)[0] == "2900.00"


def test_what_loosens_is_refused_with_words_while_trading_is_wound_down(ada: Person, position: Position) -> None:
    trading_state.change(TradingState.REDUCING, actor="test", reason="a test")
    assert "can be tightened now, not loosened" in ada.answer("/sl off")
    assert "Denied" in toast(ada.taps(f"stops:{position.pk}:sl:off"))
    assert "On its way" in ada.answer("/sl 2950")
