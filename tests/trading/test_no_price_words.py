"""Why there is no price, wherever a trader reads of it: in words, never as a code."""

from typing import get_args

import pytest

from feeds.consensus import NoConsensusReason
from feeds.models import Market
from tests.trading.conftest import SetPrice
from tests.trading.people import Person
from trading.telegram import denial_words, price_words

TOO_OLD = "every price that came is too old"


@pytest.mark.django_db
def test_an_opening_without_a_price_is_told_why(ada: Person, eth: Market, price: SetPrice) -> None:
    price("ETH/USD", "3000", age_ms=60_000)
    assert f"Vanta trusts right now: {TOO_OLD}." in ada.answer("/long ETH 100 10x")


def test_so_is_one_that_is_denied_for_it() -> None:
    told = denial_words.denial({"code": "price_unavailable", "detail": "no_fresh_quote"})
    assert told == f"• No price can be trusted right now: {TOO_OLD}."


@pytest.mark.parametrize("reason", get_args(NoConsensusReason))
def test_every_reason_has_words(reason: str) -> None:
    assert price_words.why_no_price(reason) != reason.replace("_", " ")
