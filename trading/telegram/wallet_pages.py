"""What the chat says about wallets and delegates."""

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from html import escape
from typing import Any

from django.conf import settings

from trading.models import Delegate
from trading.models.delegates import UNLIMITED_USD
from trading.services import onboarding
from trading.telegram.cards import Payload, text
from vanta import clock
from vanta.money import format_usd

DELEGATE_APP = "https://delegate.veranta.xyz"  # the venue's own page for the delegates of a wallet
Status = Delegate.Status
_CONNECT = "Connect one with /connect: it takes a minute and two signatures."
_REASONS = {
    "contract_wallet": "It is a contract wallet, or an account upgraded to one. Only a plain account can be connected.",
    "another_chain": "The venue answered for another chain than Base. Tell an admin.",
    "not_signed": "The wallet's signature did not come in time. Nothing was set up.",
    "not_registered": "The venue did not take the registration in time. Nothing was set up.",
    "open_on_another_wallet": "You have open positions or orders on another wallet. Close them first, or connect that "
    "wallet again.",
    "begun_anew": "You began anew with another link.",
    "replaced": "A newer one took its place.",
    "revoked_at_venue": "It was removed at the venue.",
    "by_trader": "You revoked it.",
    "expired": "Its time was over.",
}
_UNDER_WAY = {
    Status.REQUESTED: "its key is being made",
    Status.PREPARED: "waits for your wallet's signature on the page",
    Status.SIGNED: "is being registered at the venue",
}


def connect_link(payload: Mapping[str, Any]) -> Payload:
    """The message with the link; written when it is sent, as only then the link's token is made."""
    token = onboarding.issue_token(int(payload["link"]))
    if token is None:
        return text("⌛ That link's time was over before it could be sent. Send /connect for a new one.")
    address = f"{settings.PUBLIC_BASE_URL.rstrip('/')}/connect/{token}/"
    lines = [
        "🔗 <b>Connect your wallet</b>",
        "",
        f'<a href="{escape(address)}">Open the page</a> in the browser that has your wallet.',
        "",
        "The link is for you alone, works once, and for 10 minutes. Do not pass it on: whoever signs on that page "
        "connects <i>their</i> wallet to <i>your</i> account here.",
        "",
        "You will allow a key of Vanta's to trade for your wallet. It cannot withdraw. No page of ours ever asks for "
        "your seed phrase or private key.",
    ]
    return {**text("\n".join(lines)), "disable_web_page_preview": True, "protect_content": True}


def wallet(delegate: Delegate | None) -> Payload:
    """What is connected, until when, and what it may spend."""
    if delegate is None:
        return text(f"👛 <b>Wallet</b>\n\nNo wallet is connected. {_CONNECT}")
    lines = ["👛 <b>Wallet</b>", "", f"Wallet  <code>{delegate.wallet_address}</code>"]
    if delegate.address:
        lines.append(f"Delegate  <code>{delegate.address}</code>")
    if not delegate.is_open:
        ended = f"{_day(delegate.ended_at)}. " if delegate.ended_at else ""
        return text("\n".join([*lines, "", f"Ended {ended}{_because(delegate)}", _CONNECT]))
    if delegate.status == Status.ACTIVE:
        lines += [
            "State  <b>active</b>",
            f"Expires  {_day(delegate.expires_at)}  ({_left(delegate)})",
            "",
            *_funds(delegate),
        ]
    else:
        lines.append(f"State  {_UNDER_WAY[Status(delegate.status)]}")
    return text("\n".join(lines), [("🔄 Refresh", "wallet:"), ("Revoke…", f"revoke:{delegate.pk}")])


def really_revoke(delegate: Delegate) -> Payload:
    """Before the second tap."""
    lines = [
        "⚠️ <b>Revoke this delegate?</b>",
        "",
        f"<code>{delegate.address or '—'}</code> for <code>{delegate.wallet_address}</code>",
        "",
        "Its key is deleted at once and cannot be brought back: nothing more is opened, closed or protected LIVE for "
        "you here. Open positions stay at the venue, and orders that wait are filled there all the same: /cancel all "
        "first, or end them there, or connect again.",
    ]
    return text("\n".join(lines), [("Yes, delete the key", f"revoke_now:{delegate.pk}"), ("No", "wallet:")])


def revoked(delegate: Delegate) -> Payload:
    """After it, with what only the wallet can do."""
    return text(
        f"🔒 <b>Revoked</b>\n\nThe key of <code>{delegate.address or '—'}</code> is deleted.\n\n{_on_chain(delegate)}"
    )


def news(payload: Mapping[str, Any]) -> Payload:
    """What happened to a delegate; written when it is sent, so that its numbers are of now."""
    delegate = Delegate.objects.get(pk=payload["delegate"])
    return text("\n".join(_NEWS[str(payload["news"])](delegate)))


def _active(delegate: Delegate) -> list[str]:
    return [
        "✅ <b>Wallet connected</b>",
        "",
        f"<code>{delegate.wallet_address}</code> can now be traded for, until {_day(delegate.expires_at)}.",
        "",
        "Last step: allow the venue an amount of USDC, on the same page. /wallet shows how it stands.",
    ]


def _approved(delegate: Delegate) -> list[str]:
    return [
        "✅ <b>USDC allowed</b>",
        "",
        *_funds(delegate),
        "",
        "Everything is set up. /status shows in which mode you trade.",
    ]


def _ended(delegate: Delegate) -> list[str]:
    title = (
        "⌛ <b>Your delegate has expired</b>" if delegate.status == Status.EXPIRED else "🔒 <b>Wallet not connected</b>"
    )
    lines = [title, "", _because(delegate)]
    if delegate.activated_at:
        lines.append(
            "Its key is deleted. Nothing is opened or closed LIVE for you until you connect again. Orders that "
            "wait at the venue can still be filled there: connect again, or cancel them there."
        )
    return [*lines, "", _CONNECT]


def _countdown(delegate: Delegate) -> list[str]:
    return [
        f"⏳ <b>Your delegate expires in {_left(delegate)}</b>",
        "",
        f"On {_day(delegate.expires_at)} its key is deleted. Nothing is opened LIVE in its last 24 hours, and after it "
        "nothing is closed, canceled or protected here either: orders that wait can still be filled.",
        "",
        "Renew it with /connect; the old one stays until the new one works.",
    ]


_NEWS = {"active": _active, "approved": _approved, "ended": _ended, "countdown": _countdown}


def _funds(delegate: Delegate) -> list[str]:
    if delegate.funds_read_at is None:
        return ["Balance and allowance are being read; tap Refresh in a moment."]
    balance, allowed = delegate.balance_usd or Decimal(0), delegate.allowance_usd or Decimal(0)
    lines = [f"Balance  {format_usd(balance)} USDC", f"Allowed to the venue  {_amount(delegate)}"]
    if allowed == 0:
        lines.append("<i>Without an allowance nothing can be opened. /connect leads to the page that sets it.</i>")
    elif delegate.is_unlimited:
        lines.append("<i>Unlimited: all USDC of this wallet can be lost in trading. A bounded allowance is safer.</i>")
    return [*lines, *_on_the_chain(delegate), f"<i>as of {delegate.funds_read_at:%H:%M:%S} UTC</i>"]


def _on_the_chain(delegate: Delegate) -> list[str]:
    """What the USDC contract itself said."""
    if delegate.chain_read_at is None:
        return ["<i>The chain has not been asked yet.</i>"]
    at = f"{delegate.chain_read_at:%H:%M:%S} UTC"
    if delegate.chain_read_at != delegate.funds_read_at:
        return [f"<i>Last held against the chain at {at}.</i>"]
    if delegate.funds_differ_since is None:
        return ["<i>The chain says the same.</i>"]
    balance = delegate.chain_balance_usd or Decimal(0)
    lines = [f"⚠️ The chain says: balance {format_usd(balance)} USDC, allowed {_allowed(delegate.chain_allowance_usd)}"]
    if delegate.funds_disputed_since is not None:
        lines.append("Nothing is opened LIVE until venue and chain agree; admins have been told. Closing works.")
    return lines


def _amount(delegate: Delegate) -> str:
    return "<b>unlimited</b>" if delegate.is_unlimited else _allowed(delegate.allowance_usd)


def _allowed(amount: Decimal | None) -> str:
    return "unlimited" if (amount or 0) >= UNLIMITED_USD else f"{format_usd(amount or Decimal(0))} USDC"


def _on_chain(delegate: Delegate) -> str:
    if not delegate.activated_at:
        return "The venue never knew it: there is nothing else to do."
    return (
        f"The venue still lists it until {_day(delegate.expires_at)}, but nobody has its key. To remove it there too, "
        f'open <a href="{DELEGATE_APP}">{DELEGATE_APP.removeprefix("https://")}</a> with your wallet and remove '
        f"<code>{delegate.address}</code>; set the USDC allowance to 0 if you do not trade there otherwise."
    )


def _because(delegate: Delegate) -> str:
    return _REASONS.get(delegate.reason, "")


def _day(at: dt.datetime | None) -> str:
    return f"{at.astimezone(dt.UTC):%d %b %Y %H:%M} UTC" if at else "—"


def _left(delegate: Delegate) -> str:
    """Whole days, and below two days hours."""
    left = (delegate.expires_at or clock.now()) - clock.now()
    hours = max(0, round(left / dt.timedelta(hours=1)))
    return f"{hours // 24} days" if hours >= 48 else f"{hours} hours" if hours != 1 else "1 hour"
