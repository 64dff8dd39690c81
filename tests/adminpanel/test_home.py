"""The first page says what this is and how it stands, and needs nothing from elsewhere."""

import re

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from risk import trading_state
from risk.trading_state import TradingState
from vanta.embedded.host import free_port

pytestmark = pytest.mark.django_db


def page(client: Client) -> str:
    response = client.get("/")
    assert response.status_code == 200
    return response.content.decode()


def test_it_links_to_what_a_person_may_open(client: Client, settings: Settings) -> None:
    settings.SANDBOX_URL = "http://127.0.0.1:1234"

    html = page(client)

    for address in ("http://127.0.0.1:1234", "/admin/", settings.FLOWER_URL, "/readyz", "/metrics"):
        assert f'href="{address}"' in html


def test_without_a_sandbox_there_is_no_chat_to_open(client: Client, settings: Settings) -> None:
    settings.SANDBOX_URL = ""

    assert "Chat" not in page(client)


def test_it_says_the_trading_state_and_the_execution_mode(client: Client) -> None:
    assert "ACTIVE" in page(client)
    assert "DRY" in page(client)

    trading_state.change(TradingState.HALTED, actor="test", reason="drill")

    assert "HALTED" in page(client)


@pytest.mark.django_db(transaction=True)
def test_it_answers_while_the_database_is_away(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "PORT", free_port())

    html = page(client)

    assert "HALTED" in html
    assert "UNKNOWN" in html


def test_it_asks_nobody_else_for_anything(client: Client, settings: Settings) -> None:
    loaded = re.findall(r'(?:src|<link[^>]*href)="([^"]+)"', page(client))

    assert loaded
    assert all(address.startswith(settings.STATIC_URL) for address in loaded)
