"""What a trader types and taps about orders that wait for their price, and the messages that come of it."""

from decimal import Decimal

import pytest

from feeds.models import Market
from risk import trading_state
from risk.trading_state import TradingState
from tests.factories import make_market, make_order
from tests.trading.bot_api import BotApi
from tests.trading.conftest import SetPrice
from tests.trading.people import Person, buttons, toast, words
from tests.trading.pipeline import open_position
from trading import execution, limit_fills
from trading.models import Order, OutboxMessage
from trading.services import canceling
from trading.telegram import cards, delivery

pytestmark = pytest.mark.django_db


def rests(person: Person, text: str = "/limit ETH long 100 10x @2900") -> Order:
    order = person.drafts(text)
    person.taps(f"confirm:{order.pk}")
    execution.drain()
    order.refresh_from_db()
    assert order.state == "RESTING", order.reason
    return order


def card(order: Order) -> str:
    order.refresh_from_db()
    return str(cards.order_card(order)["text"])


@pytest.mark.parametrize(
    ("typed", "order_type", "parts"),
    [
        ("/limit ETH long 100 10x @2900", "limit", ["bought when the price falls to <b>2,900.00</b>", "below"]),
        ("/long ETH 100 10x @2900", "limit", ["Limit order", "3.33 % below the mark, 3,000.00"]),
        ("/short ETH 100 10x at 3100", "limit", ["sold when the price rises to <b>3,100.00</b>", "above"]),
        ("/limit ETH long 100 10x stop@3100", "stop_limit", ["Stop-limit order", "bought when the price rises"]),
        ("/short ETH 100 10x stop=2900", "stop_limit", ["sold when the price falls to <b>2,900.00</b>", "below"]),
    ],
)
def test_the_preview_says_what_it_waits_for_and_how_far_that_is(
    ada: Person, eth: Market, typed: str, order_type: str, parts: list[str]
) -> None:
    shown = ada.answer(typed)
    assert ada.orders[0].order_type == order_type
    for part in (*parts, "holds 100.00 USDC while it waits"):
        assert part in shown


def test_the_numbers_of_a_preview_are_those_of_its_own_price(ada: Person, eth: Market) -> None:
    shown = ada.answer("/limit ETH long 100 10x @2900 sl=2% tp=$100")
    for part in ("Entry  ≈ <b>2,900.29</b>  (limit 2,900.00", "2,653.77", "Stop  2,842.00", "Take-profit  3,190.00"):
        assert part in shown


@pytest.mark.parametrize(
    ("typed", "parts"),
    [
        ("/limit", ["Which market?", "/limit ETH long 100 10x @2900"]),
        ("/limit ETH 100 10x @2900", ["Long or short?", "<code>limit 2,900</code>"]),
        ("/limit ETH long 100 10x", ["Which price does it wait for?", "stop@3100"]),
        ("/limit ETH long 100 10x @soon", ["<code>@soon</code>: This is not a price"]),
        ("/limit ETH long 100 10x stop", ["<code>stop</code>: A price comes after this"]),
        (
            "/limit ETX long 9 3x @2900",
            ["no market <code>ETX</code>", "<code>/limit ETH/USD long 9 3x @2900</code>"],
        ),
        ("/limit ETH long 100 10x @2900 sl=200%", ["not a price above zero"]),
        ("/increase ETH 50 @2900", ["An increase is executed at once"]),
        ("/limit ETH long 100 10x @<b>1", ["&lt;b&gt;"]),
    ],
)
def test_a_mistake_in_a_limit_order_is_answered_with_what_to_write(
    ada: Person, eth: Market, typed: str, parts: list[str]
) -> None:
    shown = ada.answer(typed)
    for part in parts:
        assert part in shown
    assert not ada.orders


@pytest.mark.parametrize(
    "typed",
    [
        "/limit ETH short 100 10x @1000000000000 tp=1",
        "/limit ETH long 100 10x @0.0000000001",
        "/limit ETH long 100 10x @0.0000000001 sl=1%",
        "/limit ETH short 1000000000 99999x stop@0.0000000001 sl=1000000000000",
        "/limit ETH long 100 10x @2900 sl=999999999999999",
        "/limit " + "@" * 4000,
        "/limit ETH long 100 10x @\u202e2900",
        "/cancel #" + "9" * 18,
        "/cancel " + "9" * 40,
        "/cancel <b>all",
    ],
)
def test_odd_numbers_and_words_are_answered(ada: Person, eth: Market, typed: str) -> None:
    assert ada.answer(typed)


def test_a_price_on_the_wrong_side_is_answered_with_the_order_that_was_meant(ada: Person, eth: Market) -> None:
    owed = ada.types("/limit ETH long 100 10x @3100")
    denied = ada.orders[0]
    assert "To buy when it rises to 3,100.00, write <code>stop@3100</code>" in words(owed)
    assert buttons(owed) == {"Preview as stop-limit order": f"other_type:{denied.pk}"}

    preview = ada.taps(f"other_type:{denied.pk}")

    assert "Stop-limit order" in words(preview)
    assert (ada.orders[1].state, ada.orders[1].order_type) == ("DRAFT", "stop_limit")


def test_an_upside_pair_takes_no_limit_order(ada: Person, eth_upside: Market) -> None:
    assert "Upside markets have no limit orders" in ada.answer("/limit ETH_UPSIDE long 20 100x @2900")


def test_the_mark_may_drift_until_it_is_confirmed_but_not_cross_the_price(
    ada: Person, eth: Market, price: SetPrice
) -> None:
    kept, crossed = ada.drafts("/limit ETH long 100 10x @2900"), ada.drafts("/limit ETH long 100 10x @2990")
    price("ETH/USD", "2950")
    assert toast(ada.taps(f"confirm:{kept.pk}")) == "On its way."
    owed = ada.taps(f"confirm:{crossed.pk}")
    assert "at 2,990.00 it would be bought at once" in words(owed)
    assert (ada.orders[0].state, ada.orders[1].state) == ("APPROVED", "DENIED")


def test_real_money_is_asked_about_a_second_time_with_what_it_waits_for(eth: Market) -> None:
    order = make_order(mode="LIVE", order_type="stop_limit", limit_price=Decimal(3100))
    asked = cards.real_money(order)
    assert "bought when the price rises to <b>3,100.00</b>" in asked["text"]
    assert f"live:{order.pk}:1" in str(asked["reply_markup"])


def test_what_waits_has_a_card_with_a_button_that_takes_it_back(ada: Person, eth: Market, api: BotApi) -> None:
    order = rests(ada, "/limit ETH long 100 10x @2900 sl=2800")
    assert "Waiting for its price" in card(order)
    assert "Held  <b>100.00</b> USDC" in card(order)

    assert toast(ada.taps(f"cancel:{order.pk}")) == "Taking it back."
    assert "Being taken back" in card(order)
    execution.drain()

    assert "You took it back. 100.00 USDC are free again." in card(order)
    assert toast(ada.taps(f"cancel:{order.pk}")) == "It was canceled before."


def test_a_second_tap_on_cancel_orders_no_second_cancel(ada: Person, eth: Market) -> None:
    order = rests(ada)
    for _ in range(2):
        assert toast(ada.taps(f"cancel:{order.pk}")) == "Taking it back."
    assert Order.objects.filter(cancels=order).count() == 1


def test_a_cancel_is_told_by_the_card_of_what_it_took_back_alone(ada: Person, eth: Market) -> None:
    order = rests(ada)
    OutboxMessage.objects.all().delete()
    ada.taps(f"cancel:{order.pk}")
    execution.drain()
    told = OutboxMessage.objects.filter(method="order_card")
    assert [(each.order_id, each.payload) for each in told] == [(order.pk, {"state": "CANCELED"})]


def test_a_cancel_that_lost_to_the_fill_says_so(ada: Person, eth: Market, price: SetPrice) -> None:
    order = rests(ada)
    ada.taps(f"cancel:{order.pk}")
    price("ETH/USD", "2900")
    limit_fills.fill_reached()
    execution.drain()
    cancel = Order.objects.get(cancels=order)
    assert OutboxMessage.objects.filter(order=cancel, method="order_card").count() == 1
    assert f"order #{order.pk} had ended before" in card(cancel)
    assert toast(ada.taps(f"cancel:{order.pk}")) == "Already filled."


def test_a_fill_is_a_message_of_its_own_and_the_old_card_is_over(
    ada: Person, eth: Market, price: SetPrice, api: BotApi
) -> None:
    order = rests(ada)
    Order.objects.filter(pk=order.pk).update(card_message_id=5)
    OutboxMessage.objects.all().delete()
    price("ETH/USD", "2900")
    limit_fills.fill_reached()
    rows = OutboxMessage.objects.select_related("order__market", "order__position", "order__trader").order_by("pk")
    (old, new) = [delivery._call(row, "") for row in rows]
    assert (old[0], old[1]["message_id"]) == ("editMessageText", 5)
    assert "The message below says more" in old[1]["text"]
    assert new[0] == "sendMessage"
    assert "Entry  <b>2,900.29</b>  (limit 2,900.00)" in new[1]["text"]


def test_orders_lists_what_waits_with_buttons_and_how_far_it_is(ada: Person, eth: Market) -> None:
    first, second = rests(ada), rests(ada, "/limit ETH short 100 5x @3300")
    owed = ada.types("/orders")
    assert "limit 2,900.00 · 3.33 % away · 100.00 USDC held" in words(owed)
    assert buttons(owed) == {
        f"✖️ #{second.pk} SHORT ETH @ 3,300.00": f"cancel:list:{second.pk}",
        f"✖️ #{first.pk} LONG ETH @ 2,900.00": f"cancel:list:{first.pk}",
        "✖️ Cancel all 2": "cancel:all",
    }
    assert words(ada.types("/cancel")).startswith("⏳ <b>Waiting for their price</b>")

    shown = ada.taps(f"cancel:list:{first.pk}")

    assert (toast(shown), "Being taken back" in words(shown)) == ("Taking it back.", True)
    assert "being taken back" in words(ada.types("/orders"))


@pytest.mark.parametrize(
    ("typed", "taken_back"),
    [
        ("/cancel #{0}", [0]),
        ("/cancel {1}", [1]),
        ("/cancel {0} #{1} {0}", [0, 1]),
        ("/cancel ETH long", []),
        ("/cancel all {0}", []),
        ("/cancel ETH", [0, 1]),
        ("/cancel all", [0, 1, 2]),
        ("/close all", [0, 1, 2]),
    ],
)
def test_orders_are_taken_back_one_by_one_by_market_or_all(
    ada: Person, eth: Market, price: SetPrice, typed: str, taken_back: list[int]
) -> None:
    make_market("BTC/USD")
    price("BTC/USD", "60000")
    texts = ("ETH long 100 10x @2900", "ETH short 100 10x @3100", "BTC long 100 10x @58k")
    waiting = [rests(ada, f"/limit {text}") for text in texts]
    ada.types(typed.format(*(order.pk for order in waiting)))
    execution.drain()
    for order in waiting:
        order.refresh_from_db()
    assert [number for number, order in enumerate(waiting) if order.state == "CANCELED"] == taken_back


def test_closing_a_market_leaves_what_waits_there_and_says_so(ada: Person, eth: Market) -> None:
    open_position(ada)
    order = rests(ada)
    owed = ada.types("/close ETH")
    assert f"1 order still waits in ETH and may open a position: #{order.pk} at 2,900.00." in words(owed)
    assert buttons(owed)["✖️ Cancel it"] == f"cancel:market:{eth.pk}"
    assert toast(ada.taps(f"cancel:market:{eth.pk}")) == "Taking them back."
    assert toast(ada.taps("cancel:market:999")) == "Nothing of yours is waiting here any more."


def test_nobody_takes_back_what_is_anothers(ada: Person, grace: Person, eth: Market) -> None:
    order = rests(ada)
    grace.types("/start")
    assert "belongs to somebody else" in toast(grace.taps(f"cancel:{order.pk}"))
    assert "no such order" in grace.answer(f"/cancel {order.pk}")
    assert "Nothing of yours" in grace.answer("/cancel all")
    assert not Order.objects.filter(kind="cancel").exists()


def test_what_a_halt_takes_back_is_news_with_its_reason(ada: Person, eth: Market) -> None:
    order = rests(ada)
    Order.objects.filter(pk=order.pk).update(card_message_id=5)
    trading_state.change(TradingState.HALTED, actor="test", reason="a test")
    canceling.cancel_unwanted()
    execution.drain()
    assert "Trading was halted, so it was taken back" in card(order)
    assert "100.00 USDC are free again" in card(order)
    told = OutboxMessage.objects.filter(order=order, method="order_card", payload__state="CANCELED")
    assert [each.payload for each in told.order_by("pk")] == [
        {"state": "CANCELED", "over": True},
        {"state": "CANCELED", "news": True},
    ]
    assert not OutboxMessage.objects.filter(order__kind="cancel").exists()


def test_the_balance_says_what_is_held(ada: Person, eth: Market) -> None:
    rests(ada)
    shown = ada.answer("/balance")
    for part in ("Equity  <b>10,000.00</b>", "In positions  0.00", "Held for orders that wait  100.00 USDC"):
        assert part in shown
    assert "1 order waits for its price: /orders" in ada.answer("/positions")
    assert "Waiting for their price  1" in ada.answer("/status")


def test_why_tells_what_it_waited_for_and_why_it_ended(ada: Person, eth: Market) -> None:
    order = rests(ada)
    assert "The venue holds 100.00 USDC for it" in ada.answer(f"/why {order.pk}")
    ada.taps(f"cancel:{order.pk}")
    execution.drain()
    told = ada.answer(f"/why {order.pk}")
    for part in ("Limit order", "RESTING", "CANCELED", "You took it back", "limit price against the mark"):
        assert part in told
    cancel = Order.objects.get(cancels=order)
    told = ada.answer(f"/why {cancel.pk}")
    assert f"Takes back order #{order.pk}" in told
    assert f"Order #{order.pk}: You took it back." in told
