"""Delegates brought to where a test begins, by the signing worker's own steps and the sandbox's venue."""

from tests.trading.bot_api import BotApi
from tests.trading.wallets import Wallet
from tests.waiting import wait_until
from trading import delegation
from trading.models import Delegate, OutboxMessage
from trading.services import onboarding
from vanta import clock


def look(delegate: Delegate) -> Delegate:
    """The signing worker looks at it once, now."""
    Delegate.objects.filter(pk=delegate.pk).update(next_check_at=clock.now())
    delegation.drain()
    delegate.refresh_from_db()
    return delegate


def sign(delegate: Delegate, wallet: Wallet) -> Delegate:
    onboarding.accept_signature(delegate.pk, wallet.signs_request(delegate.request["typed_data"]))
    delegate.refresh_from_db()
    return delegate


def activated(delegate: Delegate, wallet: Wallet, api: BotApi) -> Delegate:
    """The venue takes some seconds to register it."""
    sign(look(delegate), wallet)
    wait_until(lambda: look(delegate).status == "active", 15, "the delegate is active")
    return delegate


def enable(delegate: Delegate, api: BotApi, *, expiry_s: int | None = None) -> None:
    assert delegate.expires_at is not None
    expiry_s = int(delegate.expires_at.timestamp()) if expiry_s is None else expiry_s
    known = {"trader": delegate.wallet_address, "delegate": delegate.address, "expiry": expiry_s}
    api.client.post(SET_DELEGATE, json=known).raise_for_status()


SET_DELEGATE = "/control/venue/delegate"
GONE = 1  # its expiry was long ago


def fault(api: BotApi, kind: str, **details: object) -> None:
    api.client.post("/control/faults", json={"service": "blitz", "kind": kind, **details}).raise_for_status()


def news(delegate: Delegate) -> list[str]:
    rows = OutboxMessage.objects.filter(method="delegate_news", chat_id=delegate.trader.chat_id).order_by("pk")
    return [row.payload["news"] for row in rows]
