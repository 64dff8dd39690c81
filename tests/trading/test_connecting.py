"""A link connects one wallet, once, within ten minutes, for one Telegram account."""

import datetime as dt

import pytest
import time_machine
from pytest_django import Settings

from tests.factories import make_position, make_trader
from tests.trading.wallets import Wallet, prove, token_for
from trading.errors import LinkUnusable, WalletRefused
from trading.models import ConnectLink, Delegate, Position, Trader
from trading.services import onboarding
from vanta import clock

pytestmark = pytest.mark.django_db


@pytest.fixture
def trader() -> Trader:
    return make_trader(first_name="Ada", username="ada")


@pytest.fixture
def wallet() -> Wallet:
    return Wallet()


def refused(trader: Trader, token: str) -> str:
    with pytest.raises(LinkUnusable) as caught:
        prove(trader, Wallet(), token=token)
    return caught.value.reason


def test_a_proof_makes_a_delegate_that_waits_for_the_signing_worker(trader: Trader, wallet: Wallet) -> None:
    delegate = prove(trader, wallet, days=60)

    assert (delegate.status, delegate.wallet_address, delegate.trader) == ("requested", wallet.address, trader)
    assert delegate.expires_at is not None
    assert abs(delegate.expires_at - clock.now() - dt.timedelta(days=60)) < dt.timedelta(minutes=1)
    assert delegate.wrapped_key is None


def test_the_message_says_who_it_is_for_and_what_it_does(trader: Trader, wallet: Wallet, settings: Settings) -> None:
    settings.PUBLIC_BASE_URL = "https://vanta.example"
    message = onboarding.sign_in_message(onboarding.find_link(token_for(trader)), wallet.address.lower())

    assert message.startswith(f"vanta.example wants you to sign in with your Ethereum account:\n{wallet.address}\n")
    assert f"Telegram account Ada @ada (id {trader.telegram_id}). This moves no money." in message
    for line in ("Chain ID: 8453", "Nonce: ", "Issued At: ", "Expiration Time: "):
        assert line in message


def test_a_name_with_line_breaks_adds_no_line_to_the_message(wallet: Wallet) -> None:
    trader = make_trader(first_name="Eve\n\nURI: https://evil.example\u202e", username="")
    message = onboarding.sign_in_message(onboarding.find_link(token_for(trader)), wallet.address)
    assert len(message.splitlines()) == 11


def test_a_link_works_once(trader: Trader, wallet: Wallet) -> None:
    token = token_for(trader)
    prove(trader, wallet, token=token)
    assert refused(trader, token) == "used"


def test_a_link_works_for_ten_minutes(trader: Trader) -> None:
    token = token_for(trader)
    with time_machine.travel(clock.now() + dt.timedelta(minutes=10, seconds=1)):
        assert refused(trader, token) == "expired"


def test_a_newer_link_ends_the_older_one(trader: Trader) -> None:
    old = token_for(trader)
    token_for(trader)
    assert refused(trader, old) == "expired"


def test_a_message_that_is_sent_again_has_the_only_token_that_works(trader: Trader, wallet: Wallet) -> None:
    link = onboarding.offer_link(trader)
    first, second = onboarding.issue_token(link.pk), onboarding.issue_token(link.pk)
    assert first is not None
    assert refused(trader, first) == "unknown"
    assert prove(trader, wallet, token=second).status == "requested"


def test_no_token_is_made_for_a_link_that_is_over(trader: Trader) -> None:
    link = onboarding.offer_link(trader)
    with time_machine.travel(clock.now() + dt.timedelta(minutes=11)):
        assert onboarding.issue_token(link.pk) is None


def test_the_database_holds_no_token(trader: Trader) -> None:
    token = token_for(trader)
    (row,) = ConnectLink.objects.values()
    assert token not in str(row)


def test_another_persons_proof_proves_nothing_here(trader: Trader, wallet: Wallet) -> None:
    """The signed message names the account and the link's nonce."""
    other = token_for(make_trader())
    signature = wallet.signs_text(onboarding.sign_in_message(onboarding.find_link(other), wallet.address))
    with pytest.raises(WalletRefused, match="another_account"):
        onboarding.prove_wallet(token=token_for(trader), wallet=wallet.address, signature=signature, days=30)
    assert not Delegate.objects.exists()


@pytest.mark.parametrize(
    ("signature", "reason"),
    [("", "not_a_signature"), ("0xzz", "not_a_signature"), ("0x" + "00" * 65, "not_a_signature"),
     ("0x" + "ff" * 65, "not_a_signature"), ("0x" + "01" * 300, "contract_wallet")],
)  # fmt: skip
def test_what_is_no_signature_of_a_plain_account_is_refused(
    trader: Trader, wallet: Wallet, signature: str, reason: str
) -> None:
    token = token_for(trader)
    with pytest.raises(WalletRefused, match=reason):
        onboarding.prove_wallet(token=token, wallet=wallet.address, signature=signature, days=30)
    assert prove(trader, wallet, token=token).pk  # a failure does not use the link


@pytest.mark.parametrize("days", [0, 29, 91, 3650, -30])
def test_no_other_expiry_can_be_chosen(trader: Trader, wallet: Wallet, days: int) -> None:
    with pytest.raises(WalletRefused, match="not_an_expiry"):
        prove(trader, wallet, days=days)


def test_a_wallet_belongs_to_one_telegram_account_at_a_time(trader: Trader, wallet: Wallet) -> None:
    delegate = prove(trader, wallet)
    with pytest.raises(WalletRefused, match="wallet_of_another"):
        prove(make_trader(), wallet)
    delegate.end("revoked", "by_trader")
    delegate.save(update_fields=Delegate.ENDING)
    assert prove(make_trader(), wallet).status == "requested"


def test_another_wallet_is_refused_while_something_is_open_on_the_first(trader: Trader, wallet: Wallet) -> None:
    delegate = prove(trader, wallet)
    Delegate.objects.filter(pk=delegate.pk).update(status="active", address="0x1", activated_at=clock.now())
    position = make_position(trader=trader, mode="LIVE", venue_index=0, venue_opened_at_s=1)
    with pytest.raises(WalletRefused, match="open_on_another_wallet"):
        prove(trader, Wallet())
    Delegate.objects.filter(pk=delegate.pk).update(status="expired", wrapped_key=None)
    with pytest.raises(WalletRefused, match="open_on_another_wallet"):
        prove(trader, Wallet())
    assert prove(trader, wallet).status == "requested"  # the same one, anew
    Position.objects.filter(pk=position.pk).update(status="closed", closed_at=clock.now())
    assert prove(trader, Wallet()).status == "requested"


def test_beginning_anew_ends_what_was_not_finished(trader: Trader, wallet: Wallet) -> None:
    first = prove(trader, wallet)
    prove(trader, wallet)
    first.refresh_from_db()
    assert (first.status, first.reason) == ("failed", "begun_anew")
