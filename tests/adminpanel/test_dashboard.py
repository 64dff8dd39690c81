"""The dashboard tells in one look how the system stands, most of all when something is down."""

from datetime import timedelta

import pytest
from django.test import Client
from pytest_django import Settings

from risk import trading_state
from risk.trading_state import TradingState
from tests.factories import make_message, make_order, make_position, make_trader
from vanta import clock, heartbeat, redis
from vanta.embedded.host import free_port

pytestmark = pytest.mark.django_db


def dashboard(client: Client) -> str:
    response = client.get("/admin/")
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def test_it_says_the_trading_state_and_who_set_it(admin_client: Client) -> None:
    assert 'data-state="active"' in dashboard(admin_client)

    trading_state.change(TradingState.HALTED, actor="operator", reason="drill at noon")

    html = dashboard(admin_client)
    assert 'data-state="halted"' in html
    assert "operator" in html
    assert "drill at noon" in html


def test_it_adds_up_the_exposure_by_market_and_side(admin_client: Client) -> None:
    trader = make_trader()
    for _ in range(2):
        make_position(trader=trader)
    make_position(trader=trader, side="short", collateral_usd=7)
    make_position(trader=trader, status="closed", collateral_usd=0)

    html = dashboard(admin_client)

    assert "2,000.00" in html
    assert "70.00" in html


def test_it_counts_the_orders_of_the_last_hour_by_state(admin_client: Client) -> None:
    make_order(state="FILLED", created_at=clock.now() - timedelta(hours=2))

    assert "No order in the last hour" in dashboard(admin_client)

    make_order(state="PARTIALLY_FILLED")
    assert "PARTIALLY FILLED" in dashboard(admin_client)


def test_it_names_the_last_denials_and_their_reasons(admin_client: Client) -> None:
    make_order(state="DENIED", decision={"denials": [{"code": "account_risk"}, {"code": "margin"}]})

    assert "account risk, margin" in dashboard(admin_client)


def test_it_says_how_long_the_oldest_message_has_waited(admin_client: Client) -> None:
    make_message(created_at=clock.now() - timedelta(minutes=7))

    assert "oldest for 7\N{NO-BREAK SPACE}minutes".replace("\N{NO-BREAK SPACE}", " ") in dashboard(admin_client)


def test_it_shows_who_is_alive(admin_client: Client) -> None:
    heartbeat.beat("workers")

    html = dashboard(admin_client)

    assert html.count("no sign of life") == 2  # the dispatcher and the streamer
    assert "0 of 0 open markets have a price" in html


def test_it_opens_while_redis_is_down(admin_client: Client, settings: Settings) -> None:
    settings.REDIS_URL = settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{free_port()}/0"
    redis.client.cache_clear()

    html = dashboard(admin_client)
    redis.client.cache_clear()

    assert "the broker does not answer" in html
    assert html.count("no sign of life") == 3
