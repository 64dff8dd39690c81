"""Who the venue is: chain and router, kept at first sight for each address; when they change, nothing is signed.

A router that was replaced behind our back would execute what was signed for it in whatever way it likes.
"""

import time
from dataclasses import dataclass

import structlog
from django.conf import settings
from django.db import transaction
from eth_utils.address import is_address, to_checksum_address

from trading import alarms
from trading.models import VenueIdentity
from trading.venues.avantis.client import VenueUnreachable, venue_client
from trading.venues.avantis.messages import Domain
from vanta import audit

log = structlog.get_logger(__name__)
ASKED_AGAIN_AFTER_S = 60


@dataclass(slots=True)
class _Checked:
    """When this process last compared what the venue says with what is kept."""

    address: str = ""
    until: float = 0


_checked = _Checked()


def is_as_known() -> bool:
    """Whether messages can be signed for this venue: it says what it said at first sight, or nothing at all now."""
    address = settings.VERANTA_TX_BUILDER_URL
    if _checked.address == address and time.monotonic() < _checked.until:
        return True
    known = VenueIdentity.objects.filter(address=address).first()
    try:
        told = _read(venue_client().meta())
    except VenueUnreachable as error:
        log.warning("venue_identity_not_told", error=str(error))
        return known is not None and known.refused is None
    if known is None:
        known, _ = VenueIdentity.objects.get_or_create(
            address=address, defaults={"chain_id": told.chain_id, "trading_router": told.trading_router}
        )
        log.warning("venue_identity_kept", chain_id=known.chain_id, trading_router=known.trading_router)
    if (known.chain_id, known.trading_router) != (told.chain_id, told.trading_router):
        _refuse(known, told)
        return False
    if known.refused is not None:
        VenueIdentity.objects.filter(pk=known.pk).update(refused=None)
        alarms.lift(alarms.Kind.IDENTITY, address[:100])
    _checked.address, _checked.until = address, time.monotonic() + ASKED_AGAIN_AFTER_S
    return True


def known_domain() -> Domain | None:
    """What messages are signed for; None where the venue was never seen or is not what it was."""
    known = VenueIdentity.objects.filter(address=settings.VERANTA_TX_BUILDER_URL, refused__isnull=True).first()
    return Domain(known.chain_id, known.trading_router) if known else None


@transaction.atomic
def accept(*, actor: str, reason: str) -> Domain | None:
    """Take what is refused now for what the venue is, with its audit entry; None where nothing is refused."""
    known = VenueIdentity.objects.select_for_update().filter(refused__isnull=False).first()
    if known is None or known.refused is None:
        return None
    before = {"chain_id": known.chain_id, "trading_router": known.trading_router}
    after = known.refused
    known.chain_id, known.trading_router, known.refused = after["chain_id"], after["trading_router"], None
    known.save()
    alarms.lift(alarms.Kind.IDENTITY, known.address[:100])
    audit.append(actor=actor, action="venue.trust", subject=known.address, before=before, after=after, reason=reason)
    return Domain(known.chain_id, known.trading_router)


def forget() -> None:
    """Ask again at the next look."""
    _checked.until = 0


def _read(meta: dict[str, object]) -> Domain:
    """Raises VenueUnreachable where the answer names no chain or no router."""
    chain_id, addresses = meta.get("chainId"), meta.get("addresses")
    router = addresses.get("tradingRouter") if isinstance(addresses, dict) else None
    if not str(chain_id).isdigit() or not is_address(router):
        raise VenueUnreachable(error="meta names no chain or no router")
    return Domain(int(str(chain_id)), to_checksum_address(str(router)))


def _refuse(known: VenueIdentity, told: Domain) -> None:
    refused = {"chain_id": told.chain_id, "trading_router": told.trading_router}
    VenueIdentity.objects.filter(pk=known.pk).update(refused=refused)
    detail = f"now {told.trading_router} on chain {told.chain_id}, was {known.trading_router} on {known.chain_id}"
    alarms.raise_alarm(alarms.Kind.IDENTITY, known.address[:100], detail)
