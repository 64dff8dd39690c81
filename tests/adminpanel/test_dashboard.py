"""The dashboard tells in one look how the system stands, most of all when something is down."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client
from pytest_django import Settings

from adminpanel import money_cards
from adminpanel.models import Alert
from feeds.models import ConsensusLoss
from risk import trading_state
from risk.trading_state import TradingState
from tests.factories import make_market, make_message, make_order, make_position, make_trader
from trading.models import InvariantBreach, VenueAlarm
from vanta import clock, heartbeat, redis
from vanta.embedded.host import free_port

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    money_cards.results_of_today.forget()
    yield
    money_cards.results_of_today.forget()


def dashboard(client: Client, address: str = "/admin/") -> str:
    response = client.get(address)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def card(html: str, mode: str) -> str:
    """What stands in the card of one execution mode."""
    return html.partition(f'id="money-{mode}"')[2].partition("</section>")[0]


def alerts(html: str) -> str:
    return html.partition('id="alerts"')[2].partition("</section>")[0]


def test_it_says_the_trading_state_and_who_set_it(admin_client: Client) -> None:
    assert 'data-state="active"' in dashboard(admin_client)

    trading_state.change(TradingState.HALTED, actor="operator", reason="drill at noon")

    html = dashboard(admin_client)
    assert 'data-state="halted"' in html
    assert "operator" in html
    assert "drill at noon" in html


# Money


def test_it_adds_up_long_short_and_net_by_market(admin_client: Client) -> None:
    trader = make_trader()
    for _ in range(2):
        make_position(trader=trader)
    make_position(trader=trader, side="short", collateral_usd=7)
    make_position(trader=trader, status="closed", collateral_usd=0)

    told = card(dashboard(admin_client), "DRY")

    for part in ("ETH/USD", ">2,000<", ">70<", ">+1,930<", "3 open · 207 posted"):
        assert part in told, part


def test_dry_and_live_are_never_added_together(admin_client: Client) -> None:
    trader = make_trader()
    make_position(trader=trader, mode="DRY", collateral_usd=100)
    make_position(trader=trader, mode="LIVE", collateral_usd=30, side="short")

    html = dashboard(admin_client)

    assert ">1,000<" in card(html, "DRY")
    assert "300<" not in card(html, "DRY")
    assert ">−300<" in card(html, "LIVE")
    assert ">1,300<" not in html
    assert "700<" not in html


def test_the_widest_bar_fills_its_side_and_the_others_are_in_proportion(admin_client: Client) -> None:
    trader = make_trader()
    make_position(trader=trader, collateral_usd=100)
    make_position(trader=trader, collateral_usd=25, side="short")

    told = card(dashboard(admin_client), "DRY")

    assert 'class="v-fill-long" x="100" width="100"' in told
    assert 'class="v-fill-short" x="75" width="25"' in told


def test_beyond_the_largest_markets_the_rest_is_one_row(admin_client: Client) -> None:
    trader = make_trader()
    for number in range(money_cards.MARKETS_SHOWN + 3):
        make_position(trader=trader, market=make_market(f"C{number}/USD"), collateral_usd=100 - number)

    told = card(dashboard(admin_client), "DRY")

    assert "3 more" in told
    assert told.count("<tr>") == 1 + money_cards.MARKETS_SHOWN + 1 + 1  # head, markets, the rest, all


def test_it_says_what_the_day_has_brought_and_who_is_in_loss(admin_client: Client) -> None:
    make_position(trader=make_trader(), accrued_usd=Decimal("12.5"), mode="LIVE")
    make_position(trader=make_trader(), accrued_usd=Decimal("-90"))

    html = dashboard(admin_client)

    assert 'data-sense="loss"' in card(html, "LIVE")
    assert "1 of 1" in card(html, "LIVE")
    assert 'data-sense="gain"' in card(html, "DRY")
    assert "0 of 1" in card(html, "DRY")
    assert "1 open position never had a price and counts as at the entry." in card(html, "DRY")


# What is wrong


def test_without_alerts_it_says_so(admin_client: Client) -> None:
    assert "No alert is open." in alerts(dashboard(admin_client))


def test_it_lists_what_is_wrong_now_and_nothing_that_is_over(admin_client: Client) -> None:
    now = clock.now()
    Alert.objects.create(kind=Alert.Kind.PRICE_STREAM, detail="silent <b>", began_at=now)
    VenueAlarm.objects.create(kind=VenueAlarm.Kind.UNKNOWN_ORDER, subject="order 12")
    InvariantBreach.objects.create(code="balance_is_the_ledgers", subject="trader 1", detail="2, ledger 1")
    InvariantBreach.objects.create(code="balance_is_the_ledgers", subject="trader 9", detail="x", ended_at=now)
    for symbol in ("ETH/USD", "BTC/USD"):
        ConsensusLoss.objects.create(price_symbol=symbol, reason="vetoed", began_at=now)

    told = alerts(dashboard(admin_client))

    for part in ("4 open alerts", "silent &lt;b&gt;", "order 12", "trader 1", "No price: 2 markets"):
        assert part in told, part
    assert "trader 9" not in told


def test_a_flood_of_alarms_is_counted_and_shown_in_part(admin_client: Client) -> None:
    for number in range(12):
        VenueAlarm.objects.create(kind=VenueAlarm.Kind.UNKNOWN_ORDER, subject=f"order {number}")

    told = alerts(dashboard(admin_client))

    assert "12 open alerts" in told
    assert told.count("<li>") == 5
    assert "7 more" in told


# Orders and messages


def test_it_counts_the_orders_decided_in_the_last_hour_by_state(admin_client: Client) -> None:
    make_order(state="FILLED", decided_at=clock.now() - timedelta(hours=2))

    assert "No order in the last hour" in dashboard(admin_client)

    make_order(state="PARTIALLY_FILLED", decided_at=clock.now())
    assert "PARTIALLY FILLED" in dashboard(admin_client)


def test_it_names_the_last_denials_and_their_reasons(admin_client: Client) -> None:
    denials = {"denials": [{"code": "account_risk"}, {"code": "margin"}]}
    make_order(state="DENIED", decided_at=clock.now(), decision=denials)

    assert "account risk, margin" in dashboard(admin_client)


def test_it_says_how_long_the_oldest_message_has_waited(admin_client: Client) -> None:
    make_message(created_at=clock.now() - timedelta(minutes=7))

    assert "oldest for 7\N{NO-BREAK SPACE}minutes".replace("\N{NO-BREAK SPACE}", " ") in dashboard(admin_client)


# Who is alive


def test_it_shows_who_is_alive(admin_client: Client) -> None:
    heartbeat.beat("workers")

    html = dashboard(admin_client)

    assert html.count("no sign of life") == 3  # the signing worker, the dispatcher and the streamer
    assert "only LIVE needs it" in html
    assert "nobody holds its lock" in html  # beat
    assert "0 of 0 open markets have a price" in html


def test_beat_is_alive_while_it_holds_its_lock(admin_client: Client) -> None:
    redis.client().set(heartbeat.BEAT_LOCK_KEY, "held", px=5500)

    assert "looked at its schedule" in dashboard(admin_client)


def test_it_opens_while_redis_is_down(admin_client: Client, settings: Settings) -> None:
    settings.REDIS_URL = settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{free_port()}/0"
    redis.client.cache_clear()

    html = dashboard(admin_client)
    redis.client.cache_clear()

    assert "the broker does not answer" in html
    assert html.count("not known: Redis does not answer") == 7
