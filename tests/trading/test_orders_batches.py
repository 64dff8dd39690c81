"""Confirmations decided together: each as if it had been alone, one after the other."""

import datetime as dt
import threading
from decimal import Decimal

import pytest
from django.db import connection, transaction
from pytest_django import Settings

from feeds.models import Market
from tests.factories import make_market
from tests.trading.conftest import SetPrice
from tests.trading.people import Person, store
from tests.trading.pipeline import approve, assert_books_balance
from trading import execution
from trading.models import Order, OutboxMessage, TelegramUpdate
from trading.services import placing
from trading.telegram import updates
from vanta import clock

pytestmark = pytest.mark.django_db
D = Decimal


@pytest.fixture(autouse=True)
def _roomy(settings: Settings) -> None:
    settings.MAX_ACCOUNT_RISK_PCT = D(1)
    settings.HOURLY_VOLUME_USD = D(100_000)


def confirm_together(*taps: tuple[Person, Order]) -> list[str]:
    """The states of the orders after all confirmations came in one batch."""
    for person, order in taps:
        store(person.tap_update(f"confirm:{order.pk}"))
    updates.drain()
    assert set(TelegramUpdate.objects.values_list("status", flat=True)) == {"done"}
    return [Order.objects.get(pk=order.pk).state for _, order in taps]


def toasts(person: Person) -> list[str]:
    rows = OutboxMessage.objects.filter(chat_id=person.id, method="answerCallbackQuery").order_by("pk")
    return [row.payload["text"] for row in rows]


def test_of_two_that_fit_only_once_the_first_is_approved(ada: Person, eth: Market) -> None:
    first, second = ada.drafts("/long ETH 6000 2x sl=2900"), ada.drafts("/long ETH 6000 2x sl=2900")
    assert confirm_together((ada, first), (ada, second)) == ["APPROVED", "DENIED"]
    assert toasts(ada) == ["On its way.", "Denied. The card says why."]
    second.refresh_from_db()
    assert second.reason == "margin"


def test_the_same_draft_confirmed_three_times_is_placed_once(ada: Person, eth: Market) -> None:
    order = ada.drafts("/long ETH 100 10x")
    assert confirm_together((ada, order), (ada, order), (ada, order)) == ["APPROVED"] * 3
    assert toasts(ada) == ["On its way.", "Already on its way.", "Already on its way."]
    assert order.events.filter(to_state="APPROVED").count() == 1


def test_a_tap_of_somebody_else_in_the_same_batch_changes_nothing(ada: Person, grace: Person, eth: Market) -> None:
    hers, his = ada.drafts("/long ETH 100 10x"), grace.drafts("/long ETH 100 10x")
    states = confirm_together((grace, hers), (grace, his))
    assert states == ["DRAFT", "APPROVED"]
    assert "somebody else" in toasts(grace)[0]


def test_one_that_drifted_and_one_that_expired_hold_up_no_other(
    ada: Person, grace: Person, eth: Market, price: SetPrice
) -> None:
    btc = make_market("BTC/USD")
    price("BTC/USD", "60000")
    drifted, expired, fine = (
        ada.drafts("/long BTC 100 10x"),
        ada.drafts("/long ETH 100 10x"),
        grace.drafts("/long ETH 100 10x"),
    )
    Order.objects.filter(pk=expired.pk).update(valid_until=clock.now() - dt.timedelta(seconds=1))
    price(btc.symbol, "61000")
    states = confirm_together((ada, drifted), (ada, expired), (grace, fine))
    assert states == ["DRAFT", "EXPIRED", "APPROVED"]


def test_a_cancel_before_the_confirmation_wins_and_one_after_it_too_while_nothing_has_left(
    ada: Person, grace: Person, eth: Market
) -> None:
    first, second = ada.drafts("/long ETH 100 10x"), grace.drafts("/long ETH 100 10x")
    for update in (
        ada.tap_update(f"cancel:{first.pk}"),
        grace.tap_update(f"confirm:{second.pk}"),
        ada.tap_update(f"confirm:{first.pk}"),
        grace.tap_update(f"cancel:{second.pk}"),
    ):
        store(update)
    updates.drain()
    assert set(Order.objects.values_list("state", flat=True)) == {"CANCELED"}
    assert toasts(ada) == ["Canceled.", "It was canceled before."]
    assert toasts(grace) == ["On its way.", "Canceled."]


def test_forty_people_at_once_are_all_filled(eth: Market, price: SetPrice) -> None:
    people = [Person() for _ in range(40)]
    drafted = [(person, person.drafts("/long ETH 100 10x sl=2900")) for person in people]
    price("ETH/USD", "3000")  # forty previews may take longer than a price stays fresh
    assert confirm_together(*drafted) == ["APPROVED"] * 40
    assert execution.drain() == 40
    assert set(Order.objects.values_list("state", flat=True)) == {"FILLED"}
    assert_books_balance()


@pytest.mark.django_db(transaction=True)
def test_a_fill_waits_for_a_decision_on_the_same_trader_so_that_none_is_missed_by_it(ada: Person, eth: Market) -> None:
    filled, draft = approve(ada, "/long ETH 100 10x"), ada.drafts("/long ETH 100 10x")

    def fill() -> None:
        try:
            execution.drain()
        finally:
            connection.close()

    filling = threading.Thread(target=fill)
    with transaction.atomic():
        placing.lock_orders([draft.pk])
        filling.start()
        filling.join(0.5)
        filled.refresh_from_db()
        assert (filling.is_alive(), filled.state) == (True, "SUBMITTING")  # its trader's row is locked
    filling.join(20)
    filled.refresh_from_db()
    assert filled.state == "FILLED"
