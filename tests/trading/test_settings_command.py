"""/settings: what a trader has chosen, what each choice does, changed by typing or by tapping."""

from decimal import Decimal

import pytest

from feeds.models import Market
from tests.factories import make_policy
from tests.trading.conftest import SetPrice
from tests.trading.people import Person, buttons, toast, words
from tests.trading.pipeline import open_position
from trading import execution, guardian
from trading.models import Position, Trader

pytestmark = pytest.mark.django_db
D = Decimal


def chosen(person: Person) -> tuple[str, Decimal]:
    trader = person.trader
    return trader.buffer_action, trader.buffer_cap_usd


def test_the_page_says_what_is_set_and_what_each_choice_does_with_its_numbers(ada: Person) -> None:
    page = ada.answer("/settings")
    for line in (
        "Now: <b>you are only told</b>",
        "in the last 5.0 % of the way",
        "closes 50 % of it",
        "until 10.0 % of the way is left",
        "never more than your cap for one position over its life",
        "10,000.00 USDC are free",
        "<code>/settings buffer add 50</code>",
    ):
        assert line in page, page


@pytest.mark.parametrize(
    ("typed", "kept", "says"),
    [
        ("reduce", ("reduce", D(0)), "Now: <b>50 % of the position is closed</b>"),
        ("REDUCE", ("reduce", D(0)), "Now: <b>50 % of the position is closed</b>"),
        ("add 50", ("add_margin", D(50)), "Now: <b>margin is added, up to 50.00 USDC for one position</b>"),
        ("add $1.5k", ("add_margin", D(1500)), "up to 1,500.00 USDC"),
        ("add 0.000001", ("add_margin", D("0.000001")), "up to 0.000001 USDC"),
        ("alert", ("none", D(0)), "Now: <b>you are only told</b>"),
    ],
)
def test_a_typed_choice_is_kept_and_shown(ada: Person, typed: str, kept: tuple[str, Decimal], says: str) -> None:
    page = ada.answer(f"/settings buffer {typed}")
    assert page.startswith("✅ Saved.")
    assert says in page
    assert chosen(ada) == kept


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("nonsense", "<code>nonsense</code>: There is no such setting"),
        ("buffer nonsense", "<code>nonsense</code>: Choose"),
        ("buffer add", "How much may be added"),
        ("buffer add lots", "<code>lots</code>: This is not an amount"),
        ("buffer add 0", "<code>0</code>: This has to be more than zero"),
        ("buffer add -5", "<code>-5</code>: This is not an amount"),
        ("buffer add NaN", "<code>NaN</code>: This is not an amount"),
        ("buffer add 1e9", "<code>1e9</code>: This is not an amount"),
        ("buffer add 1000000001", "more than Vanta handles"),
        ("buffer add 0.0000001", "six decimals"),
        ("buffer add 50 60", "<code>60</code>: I do not understand this part"),
        ("buffer reduce 50", "<code>50</code>: I do not understand this part"),
        ("buffer <b>add</b> 5", "<code>&lt;b&gt;add&lt;/b&gt;</code>: Choose"),
        ("buffer ADD_MARGIN\u202e 5", "Choose"),
    ],
)
def test_what_cannot_be_understood_changes_nothing_and_is_answered_with_an_example(
    ada: Person, typed: str, problem: str
) -> None:
    ada.types("/settings buffer add 70")
    answer = ada.answer(f"/settings {typed}")
    assert problem in answer
    assert "For example: <code>/settings buffer add 50</code>" in answer
    assert chosen(ada) == ("add_margin", D(70))


def test_every_button_of_the_page_is_answered_and_edits_the_page(ada: Person) -> None:
    offered = buttons(ada.types("/settings"))
    assert [label for label in offered if label.startswith("✅")] == ["✅ Only tell me"]
    for label, data in offered.items():
        owed = ada.taps(data)
        assert toast(owed)
        assert [row.method for row in owed] == ["answerCallbackQuery", "editMessageText"], label
        assert any(name.startswith("✅") for name in buttons(owed))


def test_a_tap_chooses_and_a_second_one_says_that_it_is_so_already(ada: Person) -> None:
    offered = buttons(ada.types("/settings"))
    owed = ada.taps(offered["Add up to 100"])
    assert chosen(ada) == ("add_margin", D(100))
    assert "up to 100.00 USDC" in words(owed)
    assert "up to 100.00 USDC" in toast(owed)
    assert "already" in toast(ada.taps(offered["Add up to 100"]))


def test_a_cap_that_was_typed_is_among_the_buttons(ada: Person) -> None:
    offered = buttons(ada.types("/settings buffer add 72.5"))
    ada.taps(offered["Halve it"])
    assert chosen(ada) == ("reduce", D(0))
    ada.taps(offered["✅ Add up to 72.5"])
    assert chosen(ada) == ("add_margin", D("72.5"))


@pytest.mark.parametrize("data", ["", "buffer", "buffer:", "buffer:add:", "buffer:add:-1", "buffer:x", "x:on", ":::"])
def test_a_tap_with_data_that_no_button_has_is_answered_and_changes_nothing(ada: Person, data: str) -> None:
    ada.types("/settings buffer reduce")
    assert toast(ada.taps(f"settings:{data}"))
    assert chosen(ada) == ("reduce", D(0))


def test_the_buffer_is_the_one_of_the_traders_policy(ada: Person) -> None:
    ada.types("/start")
    policy = make_policy(liquidation_buffer_pct=D("0.2"))
    Trader.objects.filter(telegram_id=ada.id).update(policy=policy)
    assert "in the last 20.0 % of the way" in ada.answer("/settings")


def test_the_guardian_does_what_was_chosen_here(ada: Person, eth: Market, price: SetPrice) -> None:
    position = open_position(ada)
    ada.types("/settings buffer reduce")
    price("ETH/USD", "2750")
    guardian.close_crossed()
    execution.drain()
    assert Position.objects.get(pk=position.pk).collateral_usd == D(50)


def test_the_page_is_there_without_redis(ada: Person, redis_down: None) -> None:
    assert "Now: <b>you are only told</b>" in ada.answer("/settings")
