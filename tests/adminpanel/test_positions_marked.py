"""The positions' pages say how each stands now: its PnL, and how far liquidation is."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from adminpanel.marked import standings
from feeds.models import LastMark, Market
from tests.factories import make_market, make_order, make_position, make_trader
from trading.models import PositionEvent
from trading.valuation import position_pnl
from vanta import clock

pytestmark = pytest.mark.django_db
LIST = "/admin/trading/position/"


def listed(client: Client) -> str:
    html = client.get(LIST).content.decode().partition('id="result_list"')[2]
    return " ".join(html.partition("</table>")[0].split())


def test_an_open_one_is_marked_to_the_price_of_now(eth: Market) -> None:
    position = make_position(market=eth, entry_price=Decimal(2900))
    standing = standings([position])[position.pk]
    assert (standing.price, standing.is_last) == (Decimal(3000), False)
    assert standing.pnl_usd == position_pnl(position, Decimal(3000)) > 0
    assert standing.away_share == Decimal("0.085")  # 2745 is 255 of 3000 away


@pytest.mark.parametrize(("side", "liquidation"), [("long", 3001), ("short", 2999)])
def test_one_that_is_beyond_liquidation_is_below_zero(eth: Market, side: str, liquidation: int) -> None:
    position = make_position(market=eth, side=side, liquidation_price=Decimal(liquidation))
    assert standings([position])[position.pk].away_share < 0


def test_without_a_mark_the_last_known_price_is_taken_and_said_to_be_it(admin_client: Client) -> None:
    position = make_position()
    assert standings([position]) == {}
    LastMark.objects.create(
        price_symbol="ETH/USD", price=2990, uncertainty=Decimal(0), as_of=clock.now(), updated_at=clock.now()
    )
    assert standings([position])[position.pk].is_last
    html = admin_client.get(reverse("admin:trading_position_change", args=[position.pk])).content.decode()
    assert "the last known" in html


def test_ended_ones_are_not_marked(eth: Market) -> None:
    assert standings([make_position(market=eth, status="closed", collateral_usd=0)]) == {}


def test_the_list_shows_it_and_warns_of_liquidation(admin_client: Client, eth: Market) -> None:
    trader = make_trader()
    make_position(market=eth, trader=trader)
    assert "8.50 % away" in listed(admin_client)
    assert "unrealised" in listed(admin_client)

    make_position(market=eth, trader=trader, status="closed", collateral_usd=0, realised_pnl_usd=Decimal("-12.34"))
    make_position(market=eth, trader=trader, liquidation_price=Decimal(3001))
    assert "−12.34" in listed(admin_client)
    assert "reached" in listed(admin_client)


def test_a_long_list_reads_prices_once(admin_client: Client, eth: Market, django_assert_max_num_queries: Any) -> None:
    trader = make_trader()
    for number in range(12):
        make_position(trader=trader, market=make_market(f"C{number}/USD"))
    with django_assert_max_num_queries(20):
        listed(admin_client)


def test_its_page_tells_what_changed_it_besides_fills(admin_client: Client, eth: Market) -> None:
    position = make_position(market=eth)
    order = make_order(kind="add_margin", market=eth, trader=position.trader, position=position)
    PositionEvent.objects.create(position=position, kind="margin_added", order=order, detail={"usd": "77.5"})
    html = admin_client.get(reverse("admin:trading_position_change", args=[position.pk])).content.decode()
    for part in ("Margin Added", "77.5", reverse("admin:trading_order_change", args=[order.pk])):
        assert part in html
