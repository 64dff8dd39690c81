"""The dashboard renews itself: cheaply, for those alone who may see it, and without prolonging anybody's session."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import OperationalError
from django.test import Client
from django.urls import reverse

from adminpanel import dashboard, money_cards
from adminpanel.groups import Role
from adminpanel.kept import Kept
from tests.access import code_for, enrolled, log_in, make_user
from tests.factories import make_market, make_order, make_position, make_trader
from trading.models import Position
from vanta import clock

pytestmark = pytest.mark.django_db
LIVE = "/admin/live/"


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    money_cards.results_of_today.forget()
    yield
    money_cards.results_of_today.forget()


def test_the_page_asks_for_what_it_shows_and_htmx_may_evaluate_nothing(admin_client: Client) -> None:
    html = admin_client.get("/admin/").content.decode()

    assert reverse("dashboard-live") == LIVE
    assert f'hx-get="{LIVE}"' in html
    assert '"allowEval": false' in html
    assert '"includeIndicatorStyles": false' in html
    assert "/static/unfold/js/htmx/htmx.js" in html


def test_the_answer_is_the_same_part_without_the_page_around_it(admin_client: Client) -> None:
    make_position()

    answer = admin_client.get(LIVE)

    html = answer.content.decode()
    assert 'id="dashboard"' in html
    assert 'id="banner"' in html
    assert ">1,000<" in html
    assert not re.search(r"<html|<script|<style|\sstyle=|<body", html)
    assert "no-store" in answer["Cache-Control"]


def test_whoever_was_logged_out_meanwhile_is_told_to_load_the_page_again(client: Client) -> None:
    answer = client.get(LIVE, headers={"hx-request": "true"})

    assert (answer.status_code, answer["HX-Refresh"], answer.content) == (403, "true", b"")


def test_staff_without_a_role_are_shown_nothing(client: Client) -> None:
    log_in(client, User.objects.create_user("clerk", is_staff=True))

    assert (client.get(LIVE).status_code, client.get(LIVE).content) == (403, b"")


def test_asking_does_not_prolong_the_session_nor_count_as_a_try(client: Client) -> None:
    user = make_user("ada", Role.ADMIN, password="a long password")
    enrolled(user)
    given = {"username": "ada", "password": "a long password", "code": code_for(user)}
    assert client.post("/admin/login/", given).status_code == 302
    before = Session.objects.values_list("session_key", "expire_date", "session_data").get()

    answers = [client.get(LIVE) for _ in range(3)]

    assert {answer.status_code for answer in answers} == {200}
    assert all("sessionid" not in answer.cookies for answer in answers)
    assert Session.objects.values_list("session_key", "expire_date", "session_data").get() == before
    assert AccessAttempt.objects.count() == 0


def test_a_part_that_takes_too_long_is_named_and_the_others_are_shown(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow() -> None:
        Position.objects.raw("SELECT pg_sleep(3), 1 AS id")[0]

    monkeypatch.setattr(dashboard, "READ_MS", 20)
    monkeypatch.setattr(dashboard, "money_cards", slow)

    html = admin_client.get(LIVE).content.decode()

    assert html.count("The database did not answer in time") == 1
    assert "No alert is open." in html


def test_however_much_there_is_the_number_of_statements_stays(
    admin_client: Client, django_assert_max_num_queries: Any
) -> None:
    traders, markets = [make_trader() for _ in range(4)], [make_market(f"C{number}/USD") for number in range(15)]
    for trader in traders:
        for market in markets:
            make_position(trader=trader, market=market)
        make_order(trader=trader, state="DENIED", decided_at=clock.now())

    with django_assert_max_num_queries(50):
        admin_client.get(LIVE)


def test_the_days_result_is_worked_out_once_for_all_who_look(admin_client: Client) -> None:
    admin_client.get(LIVE)
    make_position(accrued_usd=12)

    assert "0 of 0" in admin_client.get(LIVE).content.decode()

    money_cards.results_of_today.forget()
    assert "1 of 1" in admin_client.get(LIVE).content.decode()


def test_what_failed_is_not_asked_again_by_everybody_who_waits_for_it() -> None:
    asked = []

    def fails() -> int:
        asked.append(1)
        raise OperationalError("canceling statement due to statement timeout")

    kept = Kept(fails, 10)
    for _ in range(3):
        with pytest.raises(OperationalError):
            kept()
    assert len(asked) == 1
