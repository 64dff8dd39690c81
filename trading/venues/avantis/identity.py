"""Who the venue is: chain and contracts, kept at first sight for each address; when they change, nothing is signed.

A router that was replaced behind our back would execute what was signed for it in whatever way it likes.
"""

import time
from dataclasses import asdict, dataclass

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


@dataclass(frozen=True, slots=True)
class Contracts:
    """Where the venue says that it is; addresses checksummed, blank where it does not say."""

    chain_id: int
    trading_router: str
    trading_storage: str
    usdc: str


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
        known, _ = VenueIdentity.objects.get_or_create(address=address, defaults=asdict(told))
        log.warning("venue_identity_kept", chain_id=known.chain_id, trading_router=known.trading_router)
    if _differs(known, told):
        _refuse(known, told)
        return False
    _keep_what_was_not_named(known, told)
    if known.refused is not None:
        VenueIdentity.objects.filter(pk=known.pk).update(refused=None)
        alarms.lift(alarms.Kind.IDENTITY, address[:100])
    _checked.address, _checked.until = address, time.monotonic() + ASKED_AGAIN_AFTER_S
    return True


def known_domain() -> Domain | None:
    """What messages are signed for; None where the venue was never seen or is not what it was."""
    known = known_contracts()
    return Domain(known.chain_id, known.trading_router) if known else None


def known_contracts() -> Contracts | None:
    """The venue's contracts as they are kept; None where it was never seen or is not what it was."""
    known = VenueIdentity.objects.filter(address=settings.VERANTA_TX_BUILDER_URL, refused__isnull=True).first()
    return _kept(known) if known else None


@transaction.atomic
def accept(*, actor: str, reason: str) -> Domain | None:
    """Take what is refused now for what the venue is, with its audit entry; None where nothing is refused."""
    known = VenueIdentity.objects.select_for_update().filter(refused__isnull=False).first()
    if known is None or known.refused is None:
        return None
    before, after = asdict(_kept(known)), known.refused
    for name, value in after.items():
        setattr(known, name, value)
    known.refused = None
    known.save()
    alarms.lift(alarms.Kind.IDENTITY, known.address[:100])
    audit.append(actor=actor, action="venue.trust", subject=known.address, before=before, after=after, reason=reason)
    return Domain(known.chain_id, known.trading_router)


def forget() -> None:
    """Ask again at the next look."""
    _checked.until = 0


def _read(meta: dict[str, object]) -> Contracts:
    """Raises VenueUnreachable where the answer names no chain or no router."""
    chain_id, addresses = meta.get("chainId"), meta.get("addresses")
    named = addresses if isinstance(addresses, dict) else {}
    router, storage, usdc = (_address(named.get(name)) for name in ("tradingRouter", "tradingStorage", "usdc"))
    if not str(chain_id).isdigit() or not router:
        raise VenueUnreachable(error="meta names no chain or no router")
    return Contracts(int(str(chain_id)), router, storage, usdc)


def _address(named: object) -> str:
    return to_checksum_address(str(named)) if is_address(named) else ""


def _kept(known: VenueIdentity) -> Contracts:
    return Contracts(known.chain_id, known.trading_router, known.trading_storage, known.usdc)


def _differs(known: VenueIdentity, told: Contracts) -> bool:
    """A contract that either does not name is no difference."""
    if (known.chain_id, known.trading_router) != (told.chain_id, told.trading_router):
        return True
    others = ((known.trading_storage, told.trading_storage), (known.usdc, told.usdc))
    return any(kept and now and kept != now for kept, now in others)


def _keep_what_was_not_named(known: VenueIdentity, told: Contracts) -> None:
    for name in ("trading_storage", "usdc"):
        if not getattr(known, name) and getattr(told, name):
            VenueIdentity.objects.filter(pk=known.pk, **{name: ""}).update(**{name: getattr(told, name)})


def _refuse(known: VenueIdentity, told: Contracts) -> None:
    kept, refused = asdict(_kept(known)), asdict(told)
    VenueIdentity.objects.filter(pk=known.pk).update(refused=refused)
    detail = ", ".join(f"{name} now {refused[name]}, was {kept[name]}" for name in kept if kept[name] != refused[name])
    alarms.raise_alarm(alarms.Kind.IDENTITY, known.address[:100], detail)
