"""What an operator types in a shell about traders and orders."""

import io

import pytest
from django.core.management import CommandError, call_command

from feeds.models import Market
from tests.trading.people import Person
from tests.trading.pipeline import open_position

pytestmark = pytest.mark.django_db


def test_why_prints_the_whole_chain_without_markup(ada: Person, eth: Market) -> None:
    open_position(ada)
    order, said = ada.orders[0], io.StringIO()
    call_command("why", order.pk, stdout=said)
    text = said.getvalue()
    for part in (order.trace_id, "SUBMITTING", "FILLED", f"paper-{order.pk}", "order_card", "worst loss"):
        assert part in text
    assert "<b>" not in text
    assert "&gt;" not in text


def test_why_of_an_order_that_does_not_exist_is_an_error(db: None) -> None:
    with pytest.raises(CommandError, match="There is no order 12"):
        call_command("why", 12)
