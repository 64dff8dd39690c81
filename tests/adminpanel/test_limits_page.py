"""The page about limits: who was denied what, how full limits are, which days were locked; and who may not see it."""

import datetime as dt
import re
from decimal import Decimal
from html import unescape
from typing import Any
from urllib.parse import unquote

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from adminpanel.navigation import LIMITS_PAGE
from feeds.models import Market
from tests.access import log_in
from tests.factories import make_day_opening, make_market, make_order, make_trader
from tests.trading.people import Person
from tests.trading.pipeline import approve
from trading.denial_statistics import denials_since, most_active_since
from trading.models import DayOpening, Order, Trader
from vanta import clock

pytestmark = pytest.mark.django_db
HOUR = dt.timedelta(hours=1)
NEEDED = ("view_order", "view_trader", "view_dayopening")


def denied(trader: Trader, *codes: str, ago: dt.timedelta = HOUR, **changes: Any) -> Order:
    at = clock.now() - ago
    known = {"state": "DENIED", "reason": ",".join(codes), "created_at": at, "decided_at": at}
    return make_order(trader=trader, **{**known, **changes})


def locked(trader: Trader, ago: dt.timedelta = dt.timedelta(0)) -> DayOpening:
    at = clock.now() - ago
    amounts = {"free_usd": Decimal(9000), "collateral_usd": Decimal(1000), "unrealised_usd": Decimal("-12.5")}
    return make_day_opening(trader=trader, day=at.date(), locked_at=at, **amounts)


def page(client: Client, **asked: str) -> str:
    response = client.get(LIMITS_PAGE, asked)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def table(html: str, name: str) -> list[list[str]]:
    """The words of a table's cells, row by row, its head first; nothing where the page has no such table."""
    found = re.search(rf'<table id="{name}">(.*?)</table>', html)
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", found.group(1)) if found else []
    return [[_words(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)] for row in rows]


def _words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


# Who may see it


def test_it_is_where_the_sidebar_points_and_only_there(admin_client: Client) -> None:
    assert reverse("limits") == LIMITS_PAGE
    assert f'href="{LIMITS_PAGE}"' in page(admin_client)
    assert admin_client.post(LIMITS_PAGE).status_code == 405


def test_nobody_is_sent_to_the_log_in(client: Client) -> None:
    assert client.get(LIMITS_PAGE).status_code == 302


@pytest.mark.parametrize("missing", NEEDED)
def test_staff_see_it_only_with_every_permission_on_what_it_shows(client: Client, missing: str) -> None:
    clerk = User.objects.create_user("clerk", is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename__in=set(NEEDED) - {missing}))
    log_in(client, clerk)
    assert client.get(LIMITS_PAGE).status_code == 403
    clerk.user_permissions.set(Permission.objects.filter(codename__in=NEEDED))
    assert client.get(LIMITS_PAGE).status_code == 200


# Denials


def test_denials_are_counted_by_reason_and_trader_the_most_first(admin_client: Client) -> None:
    ada, grace = make_trader(first_name="Ada"), make_trader(first_name="Grace")
    for codes in (("hourly_volume",), ("hourly_volume", "account_risk"), ("hourly_volume",)):
        denied(grace, *codes)
    denied(ada, "account_risk")
    html = page(admin_client)
    head, *rows = table(html, "denials")
    assert head == ["Reason", "All", "Grace", "Ada", "Last"]
    assert [row[:4] for row in rows] == [["Hourly volume", "3", "3", "–"], ["Account risk", "2", "1", "1"]]
    assert "4 orders of 2 traders denied" in _words(html)


def test_traders_without_a_column_are_counted_together(admin_client: Client) -> None:
    for number in range(7):
        denied(make_trader(first_name=f"Trader {number}"), "leverage")
    head, row = table(page(admin_client), "denials")
    assert (head[-2], row[-2]) == ("Others", "2")
    assert len(head) == 9


def test_the_span_is_a_day_or_a_week_and_nonsense_is_a_day(admin_client: Client) -> None:
    trader = make_trader()
    denied(trader, "leverage")
    denied(trader, "leverage", ago=dt.timedelta(days=3))
    denied(trader, "leverage", ago=dt.timedelta(days=8))
    for span, count in (("24h", "1"), ("7d", "2"), ("1000 years", "1"), ("", "1")):
        assert table(page(admin_client, span=span), "denials")[1][1] == count, span


def test_a_count_leads_to_just_the_orders_it_counts(admin_client: Client) -> None:
    ada, grace = make_trader(first_name="Ada"), make_trader(first_name="Grace")
    wanted = denied(ada, "margin", "leverage")
    others = [
        denied(ada, "invalid_leverage"),
        denied(grace, "leverage"),
        denied(ada, "leverage", ago=2 * dt.timedelta(days=1)),
        make_order(trader=ada, state="FILLED", decided_at=clock.now()),
    ]
    html = page(admin_client)
    addresses = [unquote(unescape(found)) for found in re.findall(r'href="([^"]*)"', html)]
    (address,) = [each for each in addresses if f"(^|,)leverage(,|$)&trader__id__exact={ada.pk}" in each]
    listed = admin_client.get(address.replace("+", "%2B")).content.decode()
    assert f">#{wanted.pk}<" in listed
    assert [order.pk for order in others if f">#{order.pk}<" in listed] == []


def test_the_codes_of_a_reason_that_was_cut_off_come_from_the_decision() -> None:
    codes = [f"a_long_code_of_some_check_{number}" for number in range(10)]
    order = denied(make_trader(), decision={"denials": [{"code": code} for code in codes]})
    Order.objects.filter(pk=order.pk).update(reason=",".join(codes)[:200])
    assert sorted(each.code for each in denials_since(clock.now() - 2 * HOUR)) == sorted(codes)


def test_names_and_codes_are_shown_as_text(admin_client: Client) -> None:
    name = "<script>alert(1)</script>"
    denied(make_trader(first_name=name), "<b>new</b>")
    html = page(admin_client)
    assert name not in html
    assert escape(name) in html
    assert "<b>" not in html


# How full limits are


def test_the_fullest_limit_comes_first_with_its_use(
    admin_client: Client, ada: Person, grace: Person, eth: Market
) -> None:
    for _ in range(3):
        approve(grace, "/long ETH 20 10x sl=2900")
    approve(ada, "/long ETH 900 10x sl=2900")
    head, first, second = table(page(admin_client), "accounts")
    assert head[3:] == ["Per minute", "Per day", "USDC per hour", "USDC per day", "Day’s budget"]
    assert first[3:7] == ["1 of 5", "1 of 50", "9,000 of 10,000", "9,000 of 50,000"]
    assert second[3:7] == ["3 of 5", "3 of 50", "600 of 10,000", "600 of 50,000"]
    assert first[7].endswith("of 2,000")


def test_looking_consumes_nothing(admin_client: Client, ada: Person, eth: Market) -> None:
    approve(ada, "/long ETH 20 10x sl=2900")
    for _ in range(6):
        assert table(page(admin_client), "accounts")[1][3] == "1 of 5"
    approve(ada, "/long ETH 20 10x sl=2900")


def test_the_most_active_accounts_are_those_with_the_most_decisions_on_openings(admin_client: Client) -> None:
    quiet, busy = make_trader(), make_trader()
    denied(quiet, "leverage")
    denied(busy, "leverage")
    make_order(trader=busy, state="FILLED", decided_at=clock.now())
    make_order(trader=quiet, state="EXPIRED")
    found = most_active_since(clock.now() - 2 * HOUR, 5)
    assert [(each.trader, each.mode, each.openings) for each in found] == [(busy, "DRY", 2), (quiet, "DRY", 1)]
    assert len(most_active_since(clock.now() - 2 * HOUR, 1)) == 1


@pytest.mark.usefixtures("redis_down")
def test_without_redis_the_page_says_what_cannot_be_read_and_shows_the_rest(admin_client: Client) -> None:
    make_market()
    denied(make_trader(first_name="Ada"), "leverage")
    html = page(admin_client)
    assert "Redis does not answer" in html
    assert table(html, "denials")[1][:3] == ["Leverage", "1", "1"]
    assert table(html, "accounts")[1][1:] == ["1", "1", "cannot be read", "cannot be read"]


# Locked days


def test_locked_days_are_listed_the_last_first_with_what_they_rest_on(admin_client: Client) -> None:
    ada, grace = make_trader(first_name="Ada"), make_trader(first_name="Grace")
    earlier = locked(ada, dt.timedelta(days=2))
    today = locked(grace)
    html = page(admin_client, span="7d")
    _, first, second = table(html, "locks")
    assert first[0] == f"{today.day} still locked"
    assert first[1] == "Grace DRY"
    assert second[0] == str(earlier.day)
    assert second[3] == "9,987.50 USDC"
    assert reverse("admin:trading_dayopening_change", args=[today.pk]) in html


def test_where_nothing_happened_each_part_says_so(admin_client: Client) -> None:
    shown = _words(page(admin_client))
    for words in (
        "No order was denied in the last 24 hours: everybody stayed within their limits.",
        "Nobody has confirmed an opening in the last 24 hours.",
        "No day’s loss reached its limit in the last 24 hours.",
    ):
        assert words in shown


# One trader


def test_one_traders_accounts_are_shown_alone_also_where_they_opened_nothing(admin_client: Client) -> None:
    quiet = make_trader(first_name="Quiet")
    denied(make_trader(first_name="Busy"), "margin")

    html = page(admin_client, trader=str(quiet.pk))

    assert [row[0] for row in table(html, "accounts")[1:]] == ["Quiet DRY"]
    assert f"?span=7d&amp;trader={quiet.pk}" in html


@pytest.mark.parametrize("number", ["0", "-1", "x", "9" * 40, "\u0665", ""])
def test_a_trader_that_is_none_is_everybody(admin_client: Client, number: str) -> None:
    denied(make_trader(first_name="Busy"), "margin")
    assert "Busy" in page(admin_client, trader=number)


def test_a_traders_page_leads_there(admin_client: Client) -> None:
    trader = make_trader()
    html = admin_client.get(reverse("admin:trading_trader_change", args=[trader.pk])).content.decode()
    assert f'href="{LIMITS_PAGE}?trader={trader.pk}"' in html
    assert f"/admin/vanta/auditentry/?q={trader.telegram_id}" in html
