"""/connect and /wallet in the chat: the link, the state, revoking by two taps, the countdown."""

import datetime as dt
import re

import pytest
import time_machine
from pytest_django import Settings

from tests.trading.bot_api import BotApi
from tests.trading.keys.rings import key_text, make_delegate
from tests.trading.people import Person
from trading.keys.active import active_delegate
from trading.models import ConnectLink, Delegate, OutboxMessage
from trading.services import delegates, onboarding
from trading.telegram import delivery, wallet_pages, webhook
from vanta import clock
from vanta.models import AuditEntry

pytestmark = pytest.mark.django_db


@pytest.fixture
def delegate(ada: Person, settings: Settings) -> Delegate:
    """Ada's active delegate, for another thirty days."""
    settings.KEY_ENCRYPTION_KEYS = key_text("first")
    ada.types("/start")
    return make_delegate(trader=ada.trader, expires_at=clock.now() + dt.timedelta(days=30))


def warnings(delegate: Delegate) -> int:
    return OutboxMessage.objects.filter(method="delegate_news", payload__news="countdown").count()


def test_the_link_is_in_the_chat_and_its_token_nowhere_else(ada: Person, api: BotApi, settings: Settings) -> None:
    settings.PUBLIC_BASE_URL = "https://vanta.example"
    ada.types("/connect")

    delivery.drain()

    (shown,) = [m for m in api.messages(ada.id) if "Connect your wallet" in m["text"]]
    found = re.search(r"https://vanta\.example/connect/([\w-]{40,})/", str(shown))
    assert found
    assert onboarding.find_link(found[1]).trader == ada.trader
    assert found[1] not in str(list(OutboxMessage.objects.values()) + list(ConnectLink.objects.values()))


def test_a_link_whose_time_was_over_before_it_could_be_sent_is_not_sent(ada: Person) -> None:
    ada.types("/connect")
    with time_machine.travel(clock.now() + dt.timedelta(minutes=11)):
        words = wallet_pages.connect_link({"link": ConnectLink.objects.get().pk})["text"]
    assert "time was over" in words
    assert "http" not in words


def test_without_a_wallet_it_says_how_to_connect_one(ada: Person) -> None:
    assert "/connect" in ada.answer("/wallet")


def test_it_shows_wallet_delegate_expiry_balance_and_allowance(ada: Person, delegate: Delegate) -> None:
    Delegate.objects.filter(pk=delegate.pk).update(balance_usd="1500", allowance_usd="500", funds_read_at=clock.now())
    shown = ada.answer("/wallet")
    for part in (delegate.wallet_address, delegate.address, "30 days", "1,500.00 USDC", "500.00 USDC", "active"):
        assert part in shown


def test_an_unlimited_allowance_is_warned_of(ada: Person, delegate: Delegate) -> None:
    Delegate.objects.filter(pk=delegate.pk).update(balance_usd="1", allowance_usd=2**200, funds_read_at=clock.now())
    assert "all USDC of this wallet can be lost" in ada.answer("/wallet")


def test_asking_has_the_numbers_read_anew(ada: Person, delegate: Delegate) -> None:
    Delegate.objects.filter(pk=delegate.pk).update(next_check_at=clock.now() + dt.timedelta(hours=1))
    ada.types("/wallet")
    delegate.refresh_from_db()
    assert delegate.next_check_at <= clock.now()


def test_revoking_takes_two_taps_and_deletes_the_key_at_once(ada: Person, delegate: Delegate) -> None:
    _, asked = ada.taps(f"revoke:{delegate.pk}")
    assert "cannot be brought back" in asked.payload["text"]
    assert active_delegate(ada.trader) == delegate

    ada.taps(f"revoke_now:{delegate.pk}")

    delegate.refresh_from_db()
    assert (delegate.status, delegate.reason, delegate.wrapped_key) == ("revoked", "by_trader", None)
    assert active_delegate(ada.trader) is None
    assert AuditEntry.objects.filter(action="delegate.end", actor=f"trader:{ada.id}").exists()


def test_what_is_left_to_do_on_the_chain_is_explained(ada: Person, delegate: Delegate) -> None:
    Delegate.objects.filter(pk=delegate.pk).update(activated_at=clock.now())
    _, done = ada.taps(f"revoke_now:{delegate.pk}")
    assert wallet_pages.DELEGATE_APP in done.payload["text"]
    assert delegate.address in done.payload["text"]


@pytest.mark.parametrize("tap", ["revoke", "revoke_now"])
def test_nobody_revokes_somebody_elses(grace: Person, delegate: Delegate, tap: str) -> None:
    grace.taps(f"{tap}:{delegate.pk}")
    delegate.refresh_from_db()
    assert delegate.status == "active"


def test_revoking_does_not_wait_behind_other_messages(ada: Person) -> None:
    assert webhook._is_urgent(ada.tap_update("revoke_now:1"))


@pytest.mark.parametrize(("left_h", "told"), [(24 * 8, 0), (24 * 7 - 1, 1), (71, 1), (23, 1), (1, 1)])
def test_a_warning_comes_once_for_the_time_that_is_left(
    ada: Person, delegate: Delegate, left_h: int, told: int
) -> None:
    Delegate.objects.filter(pk=delegate.pk).update(expires_at=clock.now() + dt.timedelta(hours=left_h))
    for _ in range(3):
        delegates.watch()
    assert warnings(delegate) == told


def test_there_are_three_warnings_on_the_way_to_the_expiry_and_then_it_ends(ada: Person, delegate: Delegate) -> None:
    expires_at = delegate.expires_at
    assert expires_at is not None
    for left_h in range(200, -2, -1):
        with time_machine.travel(expires_at - dt.timedelta(hours=left_h), tick=False):
            delegates.watch()
    delegate.refresh_from_db()
    assert warnings(delegate) == 3
    assert (delegate.status, delegate.wrapped_key) == ("expired", None)


def test_an_expired_delegate_is_not_active_even_before_anybody_has_ended_it(ada: Person, delegate: Delegate) -> None:
    with time_machine.travel(clock.now() + dt.timedelta(days=31)):
        assert active_delegate(ada.trader) is None
        assert active_delegate(ada.trader.pk) is None


@pytest.mark.parametrize("kind", ["active", "approved", "ended", "countdown"])
def test_all_news_can_be_sent(ada: Person, delegate: Delegate, api: BotApi, kind: str) -> None:
    OutboxMessage.objects.all().delete()
    OutboxMessage.objects.create(
        chat_id=ada.id, method="delegate_news", payload={"delegate": delegate.pk, "news": kind}
    )
    delivery.drain()
    assert OutboxMessage.objects.get().status == "sent"


@pytest.mark.parametrize("status", ["requested", "prepared", "signed", "failed", "expired", "revoked"])
def test_every_state_can_be_shown(ada: Person, delegate: Delegate, status: str) -> None:
    ended = status in ("failed", "expired", "revoked")
    changes = {"status": status, "wrapped_key": None, "ended_at": clock.now()} if ended else {"status": status}
    Delegate.objects.filter(pk=delegate.pk).update(**changes)
    assert delegate.wallet_address in ada.answer("/wallet")


def test_whoever_revokes_is_told_that_orders_which_wait_can_still_be_filled() -> None:
    page = wallet_pages.really_revoke(Delegate(wallet_address="0x1"))
    assert "orders that wait are filled there all the same: /cancel all first" in page["text"]
