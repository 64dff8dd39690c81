"""Lists are short and plain: what is empty says why, what is real money says so, and the rest is on the page."""

import datetime as dt
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from adminpanel.admin.columns import shortened
from tests.factories import make_order
from trading.models import InvariantBreach, Placement
from vanta import clock

pytestmark = pytest.mark.django_db


def listed(client: Client, model: str, query: str = "") -> str:
    response = client.get(reverse(f"admin:{model}_changelist") + query)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


@pytest.mark.parametrize("model", ["vanta_auditentry", "risk_tradingstatechange", "trading_order"])
def test_an_empty_list_that_services_write_invites_nobody_to_add_to_it(admin_client: Client, model: str) -> None:
    html = listed(admin_client, model)

    assert "Rows appear here by themselves" in html
    assert "Create a new item" not in html
    assert reverse(f"admin:{model}_add") not in html


def test_an_empty_list_that_people_write_offers_to_add_to_it(admin_client: Client) -> None:
    html = listed(admin_client, "risk_riskpolicy")

    assert ">Add risk policy</a>" in html
    assert "by themselves" not in html


def test_a_search_that_finds_nothing_offers_the_way_back(admin_client: Client) -> None:
    make_order()

    html = listed(admin_client, "trading_order", "?q=nobody")

    assert "Nothing matches the search and the filters" in html
    assert '<a class="text-link" href="?">Show everything</a>' in html


def rows(html: str) -> str:
    return html.partition('id="result_list"')[2].partition("</table>")[0]


def test_an_order_in_real_money_stands_out(admin_client: Client) -> None:
    make_order()
    assert "LIVE" not in rows(listed(admin_client, "trading_order"))

    make_order(mode="LIVE")

    assert "LIVE" in rows(listed(admin_client, "trading_order"))


def test_the_year_is_left_out_only_while_it_lasts(admin_client: Client) -> None:
    make_order(created_at=clock.now() - dt.timedelta(days=400))
    assert "v-this-year" not in listed(admin_client, "trading_order")

    make_order()

    assert "v-this-year" in listed(admin_client, "trading_order")


def test_a_reason_is_written_in_words(admin_client: Client) -> None:
    make_order(state="DENIED", reason="position_size,account_risk")

    assert ">position size, account risk<" in listed(admin_client, "trading_order")


def test_a_long_hash_is_known_by_its_ends() -> None:
    assert shortened("paper-17") == "paper-17"
    assert "0x012345…89abcdef" in shortened(f"0x{'0123456789abcdef' * 4}")


def test_a_broken_invariant_says_which_rule_and_where(admin_client: Client) -> None:
    InvariantBreach.objects.create(code="balance_is_the_ledgers", subject="trader 1 DRY", detail="balance 2, ledger 1")

    html = rows(listed(admin_client, "trading_invariantbreach"))

    assert "Every free balance is what the ledger says." in html
    assert "trader 1 DRY" in html
    assert "balance 2, ledger 1" in html


def test_an_order_that_waits_says_for_what_and_what_is_held(admin_client: Client) -> None:
    order = make_order(state="RESTING", order_type="stop_limit", limit_price=Decimal(3100))
    Placement.objects.create(order=order, escrow_usd=Decimal(100), venue_index=3)
    cancel = make_order(kind="cancel", cancels=order, trader=order.trader)

    rows = listed(admin_client, "trading_order", "?order_type__exact=stop_limit")
    pages = [admin_client.get(reverse("admin:trading_order_change", args=[each.pk])) for each in (order, cancel)]

    assert "3,100.00" in rows
    assert f"#{cancel.pk}" not in rows
    page, of_cancel = (each.content.decode() for each in pages)
    for part in ("stop-limit", "3,100.00", "100.00", "place 3"):
        assert part in page
    assert reverse("admin:trading_order_change", args=[order.pk]) in of_cancel
