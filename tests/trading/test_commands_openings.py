"""Openings as people type them, and the preview that they get."""

from decimal import Decimal

import pytest

from feeds.models import Market
from tests.trading.people import Person, buttons, words

pytestmark = pytest.mark.django_db
D = Decimal


@pytest.mark.parametrize(
    ("typed", "collateral", "leverage"),
    [
        ("/long ETH 100 10x", "100", "10"),
        ("/long ETH 1k 5x", "1000", "5"),
        ("/long ETH 1.5k 2x sl=2900", "1500", "2"),
        ("/long ETH $250 10x", "250", "10"),
        ("/LONG eth 100.50 x10", "100.5", "10"),
        ("/long eth-usd 100 10x", "100", "10"),
        ("/long ETH/USD 10x 100usdc", "100", "10"),
        ("/long ethusd 1,000 2.5x", "1000", "2.5"),
    ],
)
def test_an_opening_is_read_in_many_spellings(
    ada: Person, eth: Market, typed: str, collateral: str, leverage: str
) -> None:
    order = ada.drafts(typed)
    assert (order.market_id, order.side, order.kind) == (eth.pk, "long", "open")
    assert (order.collateral_usd, order.leverage) == (D(collateral), D(leverage))


@pytest.mark.parametrize(
    ("typed", "stop", "take_profit"),
    [
        ("/long ETH 100 10x sl=2900 tp=3300", "2900", "3300"),
        ("/long ETH 100 10x sl=2% tp=5%", "2940", "3150"),
        ("/long ETH 100 10x sl=$50 tp=$100", "2850", "3300"),
        ("/short ETH 100 10x sl=2% tp=5%", "3060", "2850"),
        ("/short ETH 100 10x sl=$50 tp=2700", "3150", "2700"),
        ("/long ETH 100 10x tp=3300", None, "3300"),
    ],
)
def test_stops_and_take_profits_become_prices(
    ada: Person, eth: Market, typed: str, stop: str | None, take_profit: str
) -> None:
    order = ada.drafts(typed)
    assert order.stop_loss == (D(stop) if stop else None)
    assert order.take_profit == D(take_profit)


def test_the_preview_tells_what_it_costs_where_it_dies_and_what_it_can_lose(ada: Person, eth: Market) -> None:
    owed = ada.types("/long ETH 100 10x sl=2900")
    shown = words(owed)
    for part in (
        "LONG ETH 10x",
        "DRY",
        "1,000.00",
        "3,000.30",
        "0.45 open, 0.45 close",
        "2,745.27",
        "2,900.00",
        "30 s",
    ):
        assert part in shown
    order = ada.orders[0]
    assert buttons(owed) == {"✅ Confirm": f"confirm:{order.pk}", "✖️ Cancel": f"cancel:{order.pk}"}
    assert D(34) < order.worst_loss_usd < D(37)


def test_a_preview_without_a_stop_says_that_all_of_it_can_be_lost(ada: Person, eth: Market) -> None:
    assert "you can lose all of it, <b>100.00</b>" in ada.answer("/long ETH 100 10x")


def test_the_preview_of_an_upside_pair_says_that_the_venue_keeps_a_share_of_the_profit(
    ada: Person, eth_upside: Market
) -> None:
    shown = ada.answer("/long eth_upside 10 100x")
    assert "the venue keeps a share of the profit" in shown
    assert "80 %" in shown
    assert "2.5 %" in shown
