"""Delegates in the admin: who, which, until when; nothing that unlocks a key, and nothing to change."""

import datetime as dt

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from tests.trading.keys.rings import key_text, make_delegate
from trading.models import Delegate
from vanta import clock

pytestmark = pytest.mark.django_db


@pytest.fixture
def delegate(settings: Settings) -> Delegate:
    settings.KEY_ENCRYPTION_KEYS = key_text("first")
    return make_delegate(expires_at=clock.now() + dt.timedelta(days=9), balance_usd="1500", allowance_usd="500")


def test_lists_and_pages_show_who_it_trades_for_and_no_key(admin_client: Client, delegate: Delegate) -> None:
    sealed = delegate.wrapped_key
    assert sealed is not None
    page = reverse("admin:trading_delegate_change", args=[delegate.pk])
    shown = [admin_client.get(url).content.decode() for url in (reverse("admin:trading_delegate_changelist"), page)]

    assert "500.00" in shown[0]
    assert delegate.address in shown[1]
    assert delegate.wallet_address in shown[1]
    for html in shown:
        assert sealed["private_key"] not in html
        assert sealed["data_key"] not in html
        assert "wrapped" not in html


def test_nobody_adds_changes_or_deletes_one_here(admin_client: Client, delegate: Delegate) -> None:
    page = reverse("admin:trading_delegate_change", args=[delegate.pk])
    assert admin_client.post(page, {"status": "active"}).status_code == 403
    assert admin_client.get(reverse("admin:trading_delegate_add")).status_code == 403
    assert admin_client.get(reverse("admin:trading_delegate_delete", args=[delegate.pk])).status_code == 403


@pytest.mark.parametrize(
    ("left", "said"), [(dt.timedelta(hours=3), "in 3 h"), (dt.timedelta(days=5), "in 5 d"), (-dt.timedelta(1), "over")]
)
def test_the_list_says_how_long_an_active_one_lasts(
    admin_client: Client, delegate: Delegate, left: dt.timedelta, said: str
) -> None:
    Delegate.objects.update(status="active", expires_at=clock.now() + left + dt.timedelta(minutes=1))
    listed = admin_client.get(reverse("admin:trading_delegate_changelist"))
    assert said in listed.content.decode()


def test_those_that_expire_soon_are_found(admin_client: Client, delegate: Delegate) -> None:
    def found(days: str) -> bool:
        listed = admin_client.get(reverse("admin:trading_delegate_changelist"), {"expires": days})
        return delegate.wallet_address[:8] in listed.content.decode()

    Delegate.objects.update(status="active", expires_at=clock.now() + dt.timedelta(days=5))
    assert [found(days) for days in ("1", "3", "7", "nonsense")] == [False, False, True, True]
    Delegate.objects.update(status="requested")
    assert not found("7")
