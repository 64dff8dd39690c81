"""Connecting a wallet: the link, the proof that the wallet is theirs, the signature that registers a delegate.

The web process writes rows and checks signatures; keys and the venue are the signing worker's (`trading.delegation`).
"""

import datetime as dt
import hashlib
import secrets

import structlog
from django.conf import settings
from django.db import connection, transaction

from trading.delegate_endings import CHAIN_ID
from trading.errors import LinkUnusable, WalletRefused
from trading.keys.active import wallet_in_use
from trading.models import ConnectLink, Delegate, Trader
from trading.services import wallet_proof
from vanta import audit, clock
from vanta.wake import wake_on_commit

log = structlog.get_logger(__name__)
LINK_VALID = dt.timedelta(minutes=10)
PAGE_VALID = dt.timedelta(hours=2)  # for the browser that used the link
DAYS = (30, 60, 90)
WALLET_LOCKS = 7003  # the advisory locks' class: one lock a wallet
Status = Delegate.Status


@transaction.atomic
def offer_link(trader: Trader) -> ConnectLink:
    """A new link for this Telegram account; those before it end."""
    now = clock.now()
    ConnectLink.objects.filter(trader=trader, used_at=None, expires_at__gt=now).update(expires_at=now)
    return ConnectLink.objects.create(trader=trader, nonce=secrets.token_hex(16), expires_at=now + LINK_VALID)


def issue_token(link_id: int) -> str | None:
    """A link's token, made for the message that is being sent now; one made before ends. None where it is over."""
    token = secrets.token_urlsafe(32)
    usable = ConnectLink.objects.filter(pk=link_id, used_at=None, expires_at__gt=clock.now())
    return token if usable.update(token_hash=_hash(token)) else None


def find_link(token: str) -> ConnectLink:
    """The link with this token, whatever has become of it. Raises LinkUnusable where there never was one."""
    link = ConnectLink.objects.select_related("trader", "delegate").filter(token_hash=_hash(token)).first()
    if link is None:
        raise LinkUnusable("unknown")
    return link


def require_usable(link: ConnectLink) -> None:
    """Raise LinkUnusable unless the link can still connect a wallet."""
    if link.used_at is not None:
        raise LinkUnusable("used")
    if link.expires_at <= clock.now():
        raise LinkUnusable("expired")


def sign_in_message(link: ConnectLink, wallet: str) -> str:
    """What this wallet has to sign to be connected by this link. Raises WalletRefused."""
    return wallet_proof.sign_in_message(
        base_url=settings.PUBLIC_BASE_URL,
        wallet=wallet_proof.checksummed(wallet),
        person=person(link.trader),
        telegram_id=link.trader.telegram_id,
        nonce=link.nonce,
        chain_id=CHAIN_ID,
        issued_at=link.created_at,
        expires_at=link.expires_at,
    )


def person(trader: Trader) -> str:
    """The Telegram account as its owner knows it; one line, whatever is in the name."""
    name = "".join(letter for letter in trader.first_name if letter.isprintable()).strip()
    handle = f"@{trader.username}" if trader.username else ""
    return " ".join(part for part in (name, handle) if part) or "without a name"


@transaction.atomic
def prove_wallet(*, token: str, wallet: str, signature: str, days: int) -> Delegate:
    """Use the link: the wallet is theirs, and the signing worker begins. Raises LinkUnusable, WalletRefused."""
    link = ConnectLink.objects.select_for_update(of=("self",)).filter(pk=find_link(token).pk).get()
    require_usable(link)
    if days not in DAYS:
        raise WalletRefused("not_an_expiry")
    wallet = wallet_proof.checksummed(wallet)
    wallet_proof.require_signer_of_text(sign_in_message(link, wallet), signature, wallet)
    _require_free(wallet, link.trader)
    if wallet_in_use(link.trader_id) not in (None, wallet):
        raise WalletRefused("open_on_another_wallet")
    _end_unfinished(link.trader)
    expires_at = clock.now().replace(microsecond=0) + dt.timedelta(days=days)
    delegate = Delegate.objects.create(trader=link.trader, wallet_address=wallet, expires_at=expires_at)
    link.used_at, link.delegate = clock.now(), delegate
    link.save(update_fields=["used_at", "delegate"])
    audit.append(
        actor=f"trader:{link.trader.telegram_id}",
        action="delegate.request",
        subject=f"trader:{link.trader_id}",
        after={"wallet": wallet, "days": days},
    )
    wake_on_commit("signing")
    log.info("wallet_proven", trader_id=link.trader_id, delegate_id=delegate.pk)
    return delegate


@transaction.atomic
def accept_signature(delegate_id: int, signature: str) -> Delegate:
    """Take the wallet's signature of our stored request. A second one changes nothing. Raises WalletRefused."""
    delegate = Delegate.objects.select_for_update(of=("self",)).get(pk=delegate_id)
    if delegate.status in (Status.SIGNED, Status.ACTIVE):
        return delegate
    if delegate.status != Status.PREPARED:
        raise WalletRefused("nothing_to_sign")
    if dt.datetime.fromisoformat(delegate.request["deadline"]) <= clock.now():
        raise WalletRefused("too_late")
    wallet_proof.require_signer_of_request(delegate.request, signature, delegate.wallet_address)
    delegate.request_signature = wallet_proof.as_contracts_take_it(signature)
    delegate.status, delegate.next_check_at = Status.SIGNED, clock.now()
    delegate.save(update_fields=["request_signature", "status", "next_check_at"])
    wake_on_commit("signing")
    return delegate


def look_now(delegate: Delegate) -> None:
    """Have the signing worker look at an active delegate's wallet, as something may have changed."""
    with transaction.atomic():
        if Delegate.objects.filter(pk=delegate.pk, status=Status.ACTIVE).update(next_check_at=clock.now()):
            wake_on_commit("signing")


def _require_free(wallet: str, trader: Trader) -> None:
    """One wallet is one account at the venue: two traders on it would trade each other's positions."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [WALLET_LOCKS, wallet])
    others = Delegate.objects.filter(wallet_address=wallet, status__in=Delegate.OPEN).exclude(trader=trader)
    if others.exists():
        raise WalletRefused("wallet_of_another")


def _end_unfinished(trader: Trader) -> None:
    unfinished = Delegate.objects.select_for_update(of=("self",)).filter(
        trader=trader, status__in=[Status.REQUESTED, Status.PREPARED, Status.SIGNED]
    )
    for delegate in unfinished.order_by("pk"):
        delegate.end(Status.FAILED, "begun_anew")
        delegate.save(update_fields=Delegate.ENDING)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
