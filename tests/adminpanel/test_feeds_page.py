"""The page about the feeds tells what every source says of every market, and who may not see it sees nothing."""

import datetime as dt
import re
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from adminpanel.navigation import FEEDS_PAGE
from feeds.models import ConsensusLoss, LastMark, Market
from feeds.quote_store import write_quotes
from feeds.source_status import record_failure, record_success
from feeds.sources.base import SourceError
from feeds.stream_status import StreamStatus, record_stream
from tests.access import log_in
from tests.factories import make_market
from tests.feeds.quotes import quote
from vanta import clock

pytestmark = pytest.mark.django_db
TABLE = f"{FEEDS_PAGE}table/"
BOTH = pytest.mark.parametrize("address", [FEEDS_PAGE, TABLE])


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ages are exact: no time passes."""
    now_ms = clock.now_ms()
    monkeypatch.setattr(clock, "now_ms", lambda: now_ms)


def hear(symbol: str, price: object, source: str = "avantis", *, age_ms: int = 0) -> None:
    told = quote(price, source=source, market=symbol)
    write_quotes([replace(told, timestamp_ms=clock.now_ms() - age_ms, received_at_ms=clock.now_ms())])


def page(client: Client, address: str = FEEDS_PAGE, **asked: str) -> str:
    response = client.get(address, asked)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def listed(html: str) -> list[str]:
    """The markets in the table, from above."""
    return re.findall(r'<th scope="row"><a [^>]*>([^<]+)</a>', html)


def row(html: str, symbol: str) -> str:
    (found,) = [part for part in re.findall(r"<tr.*?</tr>", html) if f">{symbol}</a>" in part]
    return str(found)


# Who may see it


@BOTH
def test_it_is_where_the_sidebar_points_and_only_there(admin_client: Client, address: str) -> None:
    assert reverse("feeds") == FEEDS_PAGE
    assert FEEDS_PAGE in page(admin_client)
    assert admin_client.post(address).status_code == 405


def test_nobody_is_sent_to_the_log_in(client: Client) -> None:
    response = client.get(FEEDS_PAGE)
    assert response.status_code == 302
    assert response["Location"].startswith("/admin/login/")


@pytest.mark.parametrize("is_staff", [True, False])
def test_without_the_permission_to_view_markets_nothing_is_shown(client: Client, is_staff: bool) -> None:
    hear("ETH/USD", "3000")
    log_in(client, User.objects.create_user("clerk", is_staff=is_staff))
    assert client.get(FEEDS_PAGE).status_code == (403 if is_staff else 302)
    response = client.get(TABLE)
    assert (response.status_code, response.content) == (403, b"")


@BOTH
def test_the_permission_to_view_markets_is_enough_for_staff(client: Client, address: str) -> None:
    clerk = User.objects.create_user("clerk", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_market"))
    log_in(client, clerk)
    assert client.get(address).status_code == 200


def test_the_permission_alone_is_not_enough_for_others(client: Client) -> None:
    somebody = User.objects.create_user("somebody")
    somebody.user_permissions.add(Permission.objects.get(codename="view_market"))
    log_in(client, somebody)
    assert client.get(FEEDS_PAGE).status_code == 302
    assert client.get(TABLE).status_code == 403


def test_whoever_was_logged_out_meanwhile_is_told_to_load_the_page_again(client: Client) -> None:
    response = client.get(TABLE, headers={"hx-request": "true"})
    assert (response.status_code, response["HX-Refresh"], response.content) == (403, "true", b"")


# What it shows


def test_a_market_is_a_row_with_its_mark_and_every_sources_part(admin_client: Client) -> None:
    make_market("ETH/USD")
    hear("ETH/USD", "3000")
    hear("ETH/USD", "2998.5", "coingecko", age_ms=40_000)
    hear("ETH/USD", "3100", "chainlink", age_ms=200_000)
    told = row(page(admin_client), "ETH/USD")
    for part in ("<strong>3,000.00</strong>", "vouches", "2,998.50", "40.0 s", "−0.05 %", "may veto", "expired"):
        assert part in told, part
    assert "No consensus" not in told


def test_a_source_that_only_left_a_quote_behind_has_a_column_too(admin_client: Client) -> None:
    make_market("ETH/USD")
    hear("ETH/USD", "3000", "former<b>")
    assert '<th scope="col">former&lt;b&gt;</th>' in page(admin_client)


def test_without_consensus_the_reason_and_the_last_known_price_are_told(admin_client: Client) -> None:
    make_market("ETH/USD")
    LastMark.objects.create(
        price_symbol="ETH/USD", price=2990, uncertainty=Decimal(0), as_of=clock.now(), updated_at=clock.now()
    )
    hear("ETH/USD", "3000")
    hear("ETH/USD", "2900", "coingecko", age_ms=20_000)
    html = page(admin_client)
    told = row(html, "ETH/USD")
    for part in ("v-missing", "No consensus: an independent source contradicts the price", "vetoes", "2,990.00"):
        assert part in told, part
    assert "0 of 1 open markets have a price" in html


def test_a_market_outside_its_hours_misses_nothing(admin_client: Client) -> None:
    opens = clock.now() + dt.timedelta(hours=9)
    make_market("EUR/USD", group_index=2, is_open=False, next_open_at=opens)
    told = row(page(admin_client), "EUR/USD")
    assert f"Closed until {opens:%a %d %b %H:%M} UTC" in told
    assert "v-missing" not in told


def test_base_and_upside_market_are_one_row_and_what_is_not_listed_is_none(admin_client: Client) -> None:
    make_market("ETH_UPSIDE/USD")
    make_market("ETH/USD")
    make_market("OLD/USD", is_listed=False)
    make_market("BTC_UPSIDE/USD")
    assert listed(page(admin_client)) == ["ETH/USD", "BTC/USD"]


def test_each_source_and_the_stream_have_a_card(admin_client: Client) -> None:
    make_market("ETH/USD")
    record_success("avantis", latency_ms=24, quotes=[quote()], asked=30)
    for _ in range(5):
        record_failure("coingecko", error=SourceError("HTTP 500"), latency_ms=7, longest_pause_s=60)
    record_stream(
        StreamStatus("host:42", "restarting", since_ms=1, failures=3, last_error="silent", last_price_ms=clock.now_ms())
    )
    html = page(admin_client)
    for told in ("24 ms", "1 of 30", "HTTP 500", "Asked again in", "never heard", "host:42", "restarting", "silent"):
        assert told in html, told


def test_losses_of_the_day_are_linked(admin_client: Client) -> None:
    assert "No market lost its price in 24 h" in page(admin_client)
    began = clock.now() - dt.timedelta(minutes=5)
    loss = ConsensusLoss.objects.create(price_symbol="ETH/USD", reason="vetoed", began_at=began)
    html = page(admin_client)
    assert f'href="{reverse("admin:feeds_consensusloss_changelist")}"' in html
    assert "1 of them still lost" in html
    ConsensusLoss.objects.filter(pk=loss.pk).update(ended_at=clock.now())
    assert "all of them regained" in page(admin_client)


@BOTH
def test_without_redis_it_answers_and_says_so(admin_client: Client, redis_down: None, address: str) -> None:
    make_market("ETH/USD")
    LastMark.objects.create(
        price_symbol="ETH/USD", price=2990, uncertainty=Decimal(0), as_of=clock.now(), updated_at=clock.now()
    )
    html = page(admin_client, address)
    assert "Redis does not answer: sources, stream and quotes cannot be read" in html
    assert "No consensus: Redis does not answer" in row(html, "ETH/USD")
    assert "2,990.00" in html


def test_without_markets_it_says_that_there_are_none(admin_client: Client) -> None:
    assert "No market is listed yet." in page(admin_client)


def test_what_comes_from_elsewhere_is_shown_as_it_is(admin_client: Client) -> None:
    make_market("<b>X/USD", group_name="<i>")
    record_failure("avantis", error=SourceError("<script>"), latency_ms=1, longest_pause_s=1)
    html = page(admin_client, TABLE, q='"><script>alert(1)</script>')
    for raw in ("<script>", "<b>X", "<i>"):
        assert raw not in html


def test_it_loads_nothing_from_elsewhere_and_no_script_of_its_own_is_in_the_page(admin_client: Client) -> None:
    html = page(admin_client)
    loaded = re.findall(r'<(?:script|img)[^>]* src="([^"]+)"|<link[^>]* href="([^"]+)"', html)
    assert all(("".join(each)).startswith("/static/") for each in loaded)
    assert "/static/adminpanel/live.js" in html
    assert "<script>" not in page(admin_client, TABLE)


# Finding and sorting


@pytest.fixture
def markets() -> None:
    """ETH is older and less certain, BTC is contradicted, SOL has no price, EUR is closed."""
    for symbol in ("ETH/USD", "BTC/USD", "SOL/USD"):
        make_market(symbol)
    make_market("EUR/USD", group_index=2, is_open=False)
    hear("ETH/USD", "3000", age_ms=2000)
    hear("BTC/USD", "60000")
    hear("BTC/USD", "60600", "chainlink", age_ms=90_000)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["ETH/USD", "BTC/USD", "SOL/USD", "EUR/USD"]),
        ({"q": "eth"}, ["ETH/USD"]),
        ({"q": " ethusd "}, ["ETH/USD"]),
        ({"q": "eth-usd"}, ["ETH/USD"]),
        ({"q": "nothing"}, []),
        ({"q": "%' OR 1=1 --"}, []),
        ({"q": "x" * 5000}, []),
        ({"q": "\x00\u202e"}, ["ETH/USD", "BTC/USD", "SOL/USD", "EUR/USD"]),
        ({"missing": "1"}, ["SOL/USD"]),
        ({"missing": "1", "q": "eth"}, []),
        ({"missing": "yes"}, ["ETH/USD", "BTC/USD", "SOL/USD", "EUR/USD"]),
        ({"sort": "missing"}, ["SOL/USD", "ETH/USD", "BTC/USD", "EUR/USD"]),
        ({"sort": "age"}, ["ETH/USD", "BTC/USD", "SOL/USD", "EUR/USD"]),
        ({"sort": "uncertainty"}, ["ETH/USD", "BTC/USD", "SOL/USD", "EUR/USD"]),
        ({"sort": "distance"}, ["BTC/USD", "ETH/USD", "SOL/USD", "EUR/USD"]),
        ({"sort": "__class__"}, ["ETH/USD", "BTC/USD", "SOL/USD", "EUR/USD"]),
    ],
)
def test_markets_are_found_and_sorted(
    admin_client: Client, markets: None, asked: dict[str, str], found: list[str]
) -> None:
    assert listed(page(admin_client, **asked)) == found
    assert listed(page(admin_client, TABLE, **asked)) == found


def test_what_was_asked_for_stays_in_the_form_and_in_the_address(admin_client: Client, markets: None) -> None:
    html = page(admin_client, q="eth", missing="1", sort="age")
    assert 'value="eth"' in html
    assert 'value="1" checked' in html
    assert '<option value="age" selected>' in html
    asked = admin_client.get(TABLE, {"q": "eth&x=<b>", "sort": "age"})
    assert asked["HX-Replace-Url"] == f"{FEEDS_PAGE}?q=eth%26x%3D%3Cb%3E&sort=age"
    assert admin_client.get(TABLE, {"q": "", "sort": "market"})["HX-Replace-Url"] == FEEDS_PAGE


def test_where_every_market_has_a_price_none_is_missing(admin_client: Client) -> None:
    make_market("ETH/USD")
    hear("ETH/USD", "3000")
    assert "Every open market has a price." in page(admin_client, missing="1")


def test_many_markets_are_read_at_once(admin_client: Client, django_assert_max_num_queries: Any) -> None:
    Market.objects.bulk_create(
        [replace_market(make_market("ETH/USD"), number) for number in range(110)],
    )
    with django_assert_max_num_queries(12):
        assert len(listed(page(admin_client, TABLE))) == 111


def replace_market(market: Market, number: int) -> Market:
    """A copy of the market under another name."""
    copy = Market.objects.get(pk=market.pk)
    copy.pk, copy.pair_index = None, 1000 + number
    copy.symbol = copy.price_symbol = f"COIN{number}/USD"
    return copy
