"""Closing: what it is filled at without a consensus, what it stops on the way, and what it overtakes."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from feeds.models import Market
from feeds.quote_store import write_quotes
from risk import trading_state
from risk.trading_state import TradingState
from tests.factories import make_market, make_order, make_position
from tests.feeds.quotes import quote
from tests.trading.conftest import SetPrice
from tests.trading.people import Person, buttons, store, toast, words
from tests.trading.pipeline import approve, assert_books_balance, open_position
from trading import execution
from trading.models import Order, TelegramUpdate
from trading.telegram import cards, updates
from vanta import clock, redis

pytestmark = pytest.mark.django_db
D = Decimal


@pytest.fixture
def moves_too_fast(eth: Market, price: SetPrice) -> Callable[[str], None]:
    """The venue is at a new price which a slower source has not followed yet."""

    def move(value: str) -> None:
        price("ETH/USD", value)
        at_ms = clock.now_ms() - 20_000
        write_quotes([replace(quote("3000", source="coingecko"), timestamp_ms=at_ms, received_at_ms=at_ms)])

    return move


def closed(person: Person, text: str) -> Order:
    person.types(text)
    execution.drain()
    order = person.orders[-1]
    assert (order.kind, order.state) == ("close", "FILLED"), order.reason
    return order


def test_nobody_escapes_a_quick_move_to_an_older_price(
    ada: Person, eth: Market, moves_too_fast: Callable[[str], None], last_known: SetPrice
) -> None:
    open_position(ada, "/long ETH 100 10x")
    last_known("ETH/USD", "3000")
    moves_too_fast("2800")
    order = closed(ada, "/close ETH")
    assert order.fills.get().price == D("2799.72")  # the venue's own price, less the spread
    assert "Sources disagreed: filled at the venue's own price" in str(cards.order_card(order)["text"])
    assert order.events.last().detail["price_basis"] == "venue"  # type: ignore[union-attr]
    assert_books_balance()


def test_without_any_fresh_price_a_closing_is_filled_at_the_last_mark_and_says_so(
    ada: Person, eth: Market, price: SetPrice, last_known: SetPrice
) -> None:
    open_position(ada, "/long ETH 100 10x")
    price("ETH/USD", "2500", age_ms=60_000)
    last_known("ETH/USD", "2950")
    order = closed(ada, "/close ETH")
    assert order.fills.get().price == D("2949.705")
    assert "filled at the last known one" in str(cards.order_card(order)["text"])


def test_with_a_consensus_nothing_is_said_of_the_price(ada: Person, eth: Market) -> None:
    open_position(ada, "/long ETH 100 10x")
    order = closed(ada, "/close ETH")
    assert "⚠️" not in str(cards.order_card(order)["text"])


def test_every_closing_of_an_update_names_it(ada: Person, eth: Market, price: SetPrice) -> None:
    make_market("BTC/USD", pair_index=1)
    price("BTC/USD", "60000")
    open_position(ada, "/long ETH 100 10x")
    open_position(ada, "/long BTC 100 10x")
    ada.types("/close all")
    update_id = TelegramUpdate.objects.latest("update_id").update_id
    closings = [order for order in ada.orders if order.kind == "close"]
    assert [order.update_id for order in closings] == [update_id, update_id]
    assert f"update <code>{update_id}</code>" in ada.answer(f"/why {closings[0].pk}")


@pytest.mark.parametrize("text", ["/close all", "/close ETH"])
def test_an_opening_that_has_not_left_is_stopped_by_a_closing_of_its_market(
    ada: Person, eth: Market, text: str
) -> None:
    order = approve(ada, "/long ETH 100 10x")
    assert "Your closing stopped it before it left" in words(ada.types(text))
    execution.drain()
    order.refresh_from_db()
    assert (order.state, order.reason) == ("CANCELED", "canceled_by_close")
    assert order.position is None


def test_a_closing_of_another_market_stops_nothing(ada: Person, eth: Market, price: SetPrice) -> None:
    make_market("BTC/USD", pair_index=1)
    order = approve(ada, "/long ETH 100 10x")
    assert "no open position" in ada.answer("/close BTC")
    order.refresh_from_db()
    assert order.state == "APPROVED"


def test_an_opening_that_has_left_is_named(ada: Person, eth: Market) -> None:
    ada.types("/start")
    order = make_order(trader=ada.trader, market=eth, state="UNKNOWN")
    assert f"too late to stop: order #{order.pk}" in ada.answer("/close all")


def confirm_then(ada: Person, text: str) -> tuple[Order, TelegramUpdate]:
    """A confirmation that waits while Redis is away, and the closing that is carried out before it."""
    order = ada.drafts("/long ETH 100 10x")
    redis.client().flushdb()
    confirmed = store(ada.tap_update(f"confirm:{order.pk}"))
    closing = store(ada.text_update(text))
    TelegramUpdate.objects.filter(pk=closing.pk).update(is_urgent=True)
    return order, confirmed


@pytest.mark.parametrize("urgent_only", [True, False], ids=["without a broker", "without quotes"])
@pytest.mark.parametrize("text", ["/close all", "/close eth"])
def test_a_closing_that_overtakes_a_confirmation_of_its_market_makes_it_void(
    ada: Person, eth: Market, price: SetPrice, text: str, urgent_only: bool
) -> None:
    order, confirmed = confirm_then(ada, text)
    updates.drain(urgent_only=urgent_only)
    price("ETH/USD", "3000")
    updates.drain()
    execution.drain()
    order.refresh_from_db()
    confirmed.refresh_from_db()
    assert (order.state, order.reason) == ("EXPIRED", "overtaken_by_close")
    assert confirmed.status == TelegramUpdate.Status.DONE
    assert "Nothing was opened" in str(cards.order_card(order)["text"])


@pytest.mark.parametrize("text", ["/close BTC", "/close 7", "/close Narnia", "/cancel 99", "/close"])
def test_what_closes_something_else_overtakes_nothing(ada: Person, eth: Market, price: SetPrice, text: str) -> None:
    make_market("BTC/USD", pair_index=1)
    order, _ = confirm_then(ada, text)
    updates.drain(urgent_only=True)
    price("ETH/USD", "3000")
    updates.drain()
    order.refresh_from_db()
    assert order.state == "APPROVED"


def test_a_confirmation_after_the_closing_counts(ada: Person, eth: Market, price: SetPrice) -> None:
    make_position(trader=approve(ada, "/long ETH 100 10x").trader, market=eth)
    order = ada.drafts("/long ETH 50 10x")
    redis.client().flushdb()
    closing = store(ada.text_update("/close ETH"))
    TelegramUpdate.objects.filter(pk=closing.pk).update(is_urgent=True)
    store(ada.tap_update(f"confirm:{order.pk}"))
    updates.drain(urgent_only=True)
    price("ETH/USD", "3000")
    updates.drain()
    order.refresh_from_db()
    assert order.state == "APPROVED"


def test_a_second_tap_on_the_same_card_closes_nothing_more_and_shows_what_is_open(ada: Person, eth: Market) -> None:
    position = open_position(ada)
    shown = buttons(ada.types("/positions"))["Close 25%"]
    assert toast(ada.taps(shown)) == "Closing."
    again = ada.taps(shown)
    assert "since this card" in toast(again)
    assert [order.collateral_usd for order in ada.orders if order.kind == "close"] == [D(25)]
    execution.drain()
    assert "since this card" in toast(ada.taps(shown))
    fresh = buttons(ada.types("/positions"))["Close 25%"]
    assert fresh == f"close:{position.pk}:25:1"
    assert toast(ada.taps(fresh)) == "Closing."


def test_a_closing_that_was_refused_leaves_the_card_good(ada: Person, eth: Market) -> None:
    open_position(ada)
    shown = buttons(ada.types("/positions"))["Close 25%"]
    trading_state.change(TradingState.HALTED, actor="test", reason="drill")
    assert "cannot be closed" in toast(ada.taps(shown))
    trading_state.change(TradingState.ACTIVE, actor="test", reason="drill over")
    assert toast(ada.taps(shown)) == "Closing."


def test_a_tapped_closing_names_the_update_that_it_came_from(ada: Person, eth: Market) -> None:
    position = open_position(ada)
    ada.taps(f"close:{position.pk}:25:0")
    assert ada.orders[-1].update_id == TelegramUpdate.objects.latest("update_id").update_id
