"""A yes counts for the price on the card that was tapped, and for no other."""

from decimal import Decimal

import pytest

from feeds.models import Market
from tests.trading.conftest import SetPrice
from tests.trading.people import Person, buttons, store, toast
from trading.models import Order, OutboxMessage
from trading.telegram import updates

pytestmark = pytest.mark.django_db


def confirm_button(owed: list[OutboxMessage]) -> str:
    return next(data for label, data in buttons(owed).items() if "Confirm" in label)


def test_a_second_tap_on_the_old_card_does_not_accept_the_new_price(ada: Person, eth: Market, price: SetPrice) -> None:
    order = ada.drafts("/long ETH 100 10x")
    price("ETH/USD", "3060")
    for _ in range(3):
        owed = ada.taps(f"confirm:{order.pk}")
        assert "The price moved" in toast(owed)
    order.refresh_from_db()
    assert (order.state, order.quoted_price) == ("DRAFT", Decimal(3060))


def test_two_taps_that_wait_together_do_not_accept_the_new_price_either(
    ada: Person, eth: Market, price: SetPrice
) -> None:
    order = ada.drafts("/long ETH 100 10x")
    price("ETH/USD", "3060")
    for _ in range(2):
        store(ada.tap_update(f"confirm:{order.pk}"))
    updates.drain()
    assert Order.objects.get().state == "DRAFT"


def test_the_button_of_the_new_quote_accepts_it(ada: Person, eth: Market, price: SetPrice) -> None:
    order = ada.drafts("/long ETH 100 10x")
    price("ETH/USD", "3060")
    button = confirm_button(ada.taps(f"confirm:{order.pk}"))
    assert "On its way" in toast(ada.taps(button))
    assert Order.objects.get().state == "APPROVED"
