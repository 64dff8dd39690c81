"""A list that is empty says why."""

import pytest
from django.test import Client
from django.urls import reverse

from tests.factories import make_order

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
