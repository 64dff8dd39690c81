"""From a proven wallet to an active delegate at the sandbox's venue; what the signing worker does at each step."""

import datetime as dt

import pytest
import time_machine
from django.core.exceptions import ObjectDoesNotExist
from pytest_django import Settings

from tests.factories import make_position, make_trader
from tests.trading.bot_api import BotApi
from tests.trading.keys.rings import key_text
from tests.trading.signing import GONE, activated, enable, fault, look, news, sign
from tests.trading.wallets import Wallet, prove
from tests.waiting import wait_until
from trading import delegation
from trading.errors import WalletRefused
from trading.keys import delegate_keys
from trading.keys.active import active_delegate
from trading.models import Delegate, DelegateRelay
from trading.services import onboarding
from trading.venues import avantis_delegation as venue
from vanta import clock
from vanta.models import AuditEntry
from vanta.supervision.environment import sandbox_urls

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _venue(api: BotApi, settings: Settings) -> None:
    """The sandbox's venue and chain; a ring."""
    for name, url in sandbox_urls(api.url).items():
        setattr(settings, name, url)
    settings.KEY_ENCRYPTION_KEYS = key_text("first")


@pytest.fixture
def wallet() -> Wallet:
    return Wallet()


@pytest.fixture
def requested(wallet: Wallet) -> Delegate:
    return prove(make_trader(), wallet)


def test_it_makes_a_key_seals_it_and_builds_the_request_that_the_wallet_signs(
    requested: Delegate, wallet: Wallet
) -> None:
    prepared = look(requested)

    assert prepared.status == "prepared"
    with delegate_keys.private_key(prepared) as key:
        assert len(key) == 32
    message = prepared.request["typed_data"]["message"]
    assert (message["trader"], message["delegate"]) == (wallet.address, prepared.address)
    assert prepared.expires_at is not None
    assert int(message["expiry"]) == int(prepared.expires_at.timestamp())
    assert "Terms of Service" in message["tnc"]


def test_the_wallets_signature_of_our_request_is_taken_and_anothers_is_not(requested: Delegate, wallet: Wallet) -> None:
    prepared = look(requested)
    with pytest.raises(WalletRefused, match="another_account"):
        sign(prepared, Wallet())
    assert sign(prepared, wallet).status == "signed"
    assert sign(prepared, wallet).status == "signed"


def test_a_signature_of_another_request_than_the_stored_one_is_not_taken(requested: Delegate, wallet: Wallet) -> None:
    prepared = look(requested)
    asked = {**prepared.request["typed_data"]}
    asked["message"] = {**asked["message"], "expiry": str(int(asked["message"]["expiry"]) + 1)}
    with pytest.raises(WalletRefused, match="another_account"):
        onboarding.accept_signature(prepared.pk, wallet.signs_request(asked))


def test_a_stored_request_that_was_changed_is_noticed_by_its_digest(requested: Delegate, wallet: Wallet) -> None:
    prepared = look(requested)
    prepared.request["typed_data"]["message"]["delegate"] = wallet.address
    prepared.save(update_fields=["request"])
    with pytest.raises(WalletRefused, match="request_changed"):
        sign(prepared, wallet)


def test_a_signature_with_a_last_byte_of_0_or_1_is_kept_as_contracts_take_it(
    requested: Delegate, wallet: Wallet
) -> None:
    prepared = look(requested)
    raw = bytearray.fromhex(wallet.signs_request(prepared.request["typed_data"])[2:])
    usual = raw.hex()
    raw[-1] -= 27
    onboarding.accept_signature(prepared.pk, "0x" + raw.hex())
    prepared.refresh_from_db()
    assert prepared.request_signature == "0x" + usual


def test_it_is_active_when_the_venue_says_so_and_its_trader_is_told(
    requested: Delegate, wallet: Wallet, api: BotApi
) -> None:
    delegate = activated(requested, wallet, api)

    effects = api.client.get("/control/venue/journal", params={"trader": wallet.address}).json()["effects"]
    (effect,) = effects
    assert (effect["kind"], effect["signer"]) == ("delegate_set", wallet.address)
    assert effect["detail"]["delegate"] == delegate.address
    assert active_delegate(delegate.trader) == delegate
    assert news(delegate) == ["active"]
    assert {"delegate.request", "delegate.activate"} <= set(AuditEntry.objects.values_list("action", flat=True))
    assert look(delegate).balance_usd == 10_000


def test_the_bytes_are_committed_before_they_leave_and_only_they_ever_leave(
    requested: Delegate, wallet: Wallet, api: BotApi, settings: Settings
) -> None:
    """The first submission reaches nobody; the second is taken, and its answer lost; the third does nothing new."""
    signed = sign(look(requested), wallet)
    settings.VERANTA_API_BASE_URL = "http://127.0.0.1:1"
    look(signed)
    first = DelegateRelay.objects.get(delegate=signed)
    assert (first.attempts, first.request_id) == (1, "")

    settings.VERANTA_API_BASE_URL = sandbox_urls(api.url)["VERANTA_API_BASE_URL"]
    fault(api, "drop", count=1, when="after")
    look(signed)
    wait_until(lambda: look(signed).status == "active", 15, "the delegate is active")

    second = DelegateRelay.objects.get(delegate=signed)
    assert second.tx_params == first.tx_params
    assert second.attempts >= 2
    journal = api.client.get("/control/venue/journal", params={"trader": wallet.address}).json()
    assert [effect["kind"] for effect in journal["effects"]] == ["delegate_set"]


@pytest.mark.parametrize("kind", ["not_applied", "relay_timeout", "forget_tracking"])
def test_a_submission_that_came_to_nothing_or_was_forgotten_is_made_again_with_the_same_bytes(
    requested: Delegate, wallet: Wallet, api: BotApi, kind: str
) -> None:
    fault(api, kind, count=1)
    signed = look(sign(look(requested), wallet))
    bytes_before = DelegateRelay.objects.get(delegate=signed).tx_params

    wait_until(lambda: look(signed).status == "active", 20, "the delegate is active")

    assert DelegateRelay.objects.get(delegate=signed).tx_params == bytes_before
    journal = api.client.get("/control/venue/journal", params={"trader": wallet.address}).json()
    assert [effect["kind"] for effect in journal["effects"]] == ["delegate_set"]


def test_looking_again_while_it_is_under_way_submits_nothing(requested: Delegate, wallet: Wallet, api: BotApi) -> None:
    fault(api, "slow_execution", seconds=30)
    signed = look(sign(look(requested), wallet))
    for _ in range(3):
        look(signed)
    assert DelegateRelay.objects.get(delegate=signed).attempts == 1


def test_no_two_registrations_have_the_same_nonce(wallet: Wallet) -> None:
    for _ in range(2):
        look(sign(look(prove(make_trader(), other := Wallet())), other))
    nonces = set(DelegateRelay.objects.values_list("exec_nonce", flat=True))
    assert len(nonces) == 2
    assert all(int(nonce) % 2**64 == 0 for nonce in nonces)


@pytest.mark.parametrize(("days", "kept"), [(10, 10), (90, 30), (10**12, 30)])
def test_it_ends_when_the_venue_says_but_never_later_than_the_wallet_signed(
    requested: Delegate, wallet: Wallet, api: BotApi, days: int, kept: int
) -> None:
    fault(api, "slow_execution", seconds=60)
    signed = look(sign(look(requested), wallet))
    enable(signed, api, expiry_s=int(clock.now().timestamp()) + days * 86_400)
    active = look(signed)
    assert active.expires_at is not None
    assert abs(active.expires_at - clock.now() - dt.timedelta(days=kept)) < dt.timedelta(minutes=1)


def test_a_new_delegate_takes_the_place_of_the_old_one_whose_key_is_deleted(
    requested: Delegate, wallet: Wallet, api: BotApi
) -> None:
    old = activated(requested, wallet, api)
    new = activated(prove(old.trader, wallet), wallet, api)
    old.refresh_from_db()
    assert (old.status, old.reason, old.wrapped_key) == ("revoked", "replaced", None)
    assert active_delegate(old.trader) == new


def test_another_wallet_takes_no_place_while_something_was_opened_on_the_first(
    requested: Delegate, wallet: Wallet, api: BotApi
) -> None:
    old = activated(requested, wallet, api)
    other = Wallet()
    new = sign(look(prove(old.trader, other)), other)
    make_position(trader=old.trader, mode="LIVE", venue_index=0, venue_opened_at_s=1)
    enable(new, api, expiry_s=int(clock.now().timestamp()) + 86_400)
    ended = look(new)
    assert (ended.status, ended.reason) == ("failed", "open_on_another_wallet")
    assert active_delegate(old.trader) == old


def test_while_the_new_one_is_not_active_the_old_one_stays(requested: Delegate, wallet: Wallet, api: BotApi) -> None:
    old = activated(requested, wallet, api)
    look(prove(old.trader, wallet))
    assert active_delegate(old.trader) == old


def test_a_request_that_nobody_signs_ends_with_its_key(requested: Delegate) -> None:
    prepared = look(requested)
    with time_machine.travel(clock.now() + delegation.SIGN_WITHIN + dt.timedelta(seconds=1)):
        ended = look(prepared)
    assert (ended.status, ended.reason, ended.wrapped_key) == ("failed", "not_signed", None)
    assert news(ended) == ["ended"]


def test_a_registration_that_does_not_come_to_be_ends_after_its_deadline(
    requested: Delegate, wallet: Wallet, api: BotApi
) -> None:
    fault(api, "not_applied")
    signed = look(sign(look(requested), wallet))
    later = delegation.SIGN_WITHIN + delegation.AFTER_DEADLINE + dt.timedelta(seconds=1)
    with time_machine.travel(clock.now() + later):
        assert look(signed).reason == "not_registered"


def test_a_contract_wallet_is_refused(requested: Delegate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(venue, "is_contract", lambda address: True)
    assert look(requested).reason == "contract_wallet"


def test_one_odd_answer_of_the_venue_deletes_no_key_a_lasting_one_does(
    requested: Delegate, wallet: Wallet, api: BotApi
) -> None:
    delegate = activated(requested, wallet, api)
    enable(delegate, api, expiry_s=GONE)
    assert look(delegate).status == "active"
    enable(delegate, api)
    assert look(delegate).disabled_since is None

    enable(delegate, api, expiry_s=GONE)
    look(delegate)
    with time_machine.travel(clock.now() + delegation.SURELY_GONE + dt.timedelta(seconds=1)):
        ended = look(delegate)
    assert (ended.status, ended.reason, ended.wrapped_key) == ("revoked", "revoked_at_venue", None)
    assert news(ended) == ["active", "ended"]


def test_a_first_allowance_is_told_once(requested: Delegate, wallet: Wallet, api: BotApi) -> None:
    delegate = activated(requested, wallet, api)
    Delegate.objects.filter(pk=delegate.pk).update(allowance_usd=0)
    look(delegate)
    look(delegate)
    assert news(delegate) == ["active", "approved"]


def test_a_venue_that_is_away_is_waited_for(requested: Delegate, settings: Settings) -> None:
    settings.VERANTA_TX_BUILDER_URL = "http://127.0.0.1:1"
    assert look(requested).status == "requested"
    assert requested.next_check_at > clock.now()


def test_a_worker_with_the_wrong_keys_ends_nothing_before_its_time(
    requested: Delegate, wallet: Wallet, settings: Settings
) -> None:
    signed = sign(look(requested), wallet)
    settings.KEY_ENCRYPTION_KEYS = key_text("first")
    assert look(signed).status == "signed"
    with pytest.raises(ObjectDoesNotExist):
        DelegateRelay.objects.get(delegate=signed)
    with time_machine.travel(clock.now() + delegation.SIGN_WITHIN + 2 * delegation.AFTER_DEADLINE):
        assert look(signed).reason == "not_registered"


def test_a_delegate_that_is_revoked_while_it_is_being_registered_does_not_become_active(
    requested: Delegate, wallet: Wallet, api: BotApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    signed = look(sign(look(requested), wallet))
    wait_until(lambda: venue.delegation(wallet.address, signed.address).is_enabled, 15, "the venue knows it")
    asked = venue.delegation

    def revoked_meanwhile(wallet_address: str, address: str) -> venue.Delegation:
        signed.end("revoked", "by_trader")
        signed.save(update_fields=Delegate.ENDING)
        return asked(wallet_address, address)

    monkeypatch.setattr(venue, "delegation", revoked_meanwhile)
    assert look(signed).status == "revoked"
