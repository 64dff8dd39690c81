"""What a wallet has and allows: as the venue says, held against what the USDC contract says on the chain.

A node that is away, behind, or on another chain proves nothing. Where the two say different things at two looks that
are further apart than any block takes, the trader opens nothing more until they agree.
"""

import datetime as dt
from dataclasses import dataclass

import structlog
from django.conf import settings

from trading import alarms
from trading.models import Delegate, Order
from trading.models.traders import Mode
from trading.order_state import IN_FLIGHT
from trading.venues import avantis_delegation, chain
from trading.venues.avantis import identity
from trading.venues.avantis_delegation import Funds
from trading.venues.chain import ChainUnreachable, WalletFunds
from vanta import clock

log = structlog.get_logger(__name__)
LOOK_AGAIN = dt.timedelta(seconds=10)
BEYOND_LAG = dt.timedelta(seconds=8)  # four blocks: further apart the two may not be


@dataclass(frozen=True, slots=True)
class Reading:
    """What both say at one moment; `on_chain` is None where the chain proves nothing."""

    told: Funds
    on_chain: WalletFunds | None

    @property
    def differs(self) -> bool:
        """Whether the chain says something else than the venue."""
        if self.on_chain is None:
            return False
        said = (self.told.balance_usd, self.told.allowance_usd)
        return said != (self.on_chain.balance_usd, self.on_chain.allowance_usd)


def read(delegate: Delegate) -> Reading:
    """Ask the venue, then the chain. Raises the venue's VenueUnreachable; in no transaction."""
    return Reading(avantis_delegation.funds(delegate.wallet_address), _on_chain(delegate))


def keep(delegate: Delegate, reading: Reading) -> bool:
    """Store what was read, in the caller's transaction; whether it should be looked at again soon."""
    now = clock.now()
    kept = {
        "balance_usd": reading.told.balance_usd,
        "allowance_usd": reading.told.allowance_usd,
        "funds_read_at": now,
    }
    if reading.on_chain is not None:
        kept |= {
            "chain_balance_usd": reading.on_chain.balance_usd,
            "chain_allowance_usd": reading.on_chain.allowance_usd,
            "chain_read_at": now,
            **_standing(delegate, reading, now),
        }
    Delegate.objects.filter(pk=delegate.pk).update(**kept)
    return kept.get("funds_differ_since") is not None


def _on_chain(delegate: Delegate) -> WalletFunds | None:
    """None where it proves nothing: no node, an old block, or an order that moves USDC at this very moment."""
    known = identity.known_contracts() if identity.is_as_known() else None
    if known is None or not known.usdc or not known.trading_storage or _is_moving(delegate):
        return None
    try:
        newest = chain.head()
        age_s = (clock.now() - newest.at).total_seconds()
        if newest.chain_id != known.chain_id or age_s > settings.BLOCK_MAX_AGE_S:
            log.warning("chain_proves_nothing", chain_id=newest.chain_id, age_s=round(age_s))
            return None
        return chain.funds(wallet=delegate.wallet_address, spender=known.trading_storage, usdc=known.usdc)
    except ChainUnreachable as error:
        log.warning("funds_not_told_by_chain", delegate_id=delegate.pk, error=str(error))
        return None


def _is_moving(delegate: Delegate) -> bool:
    return Order.objects.filter(trader=delegate.trader_id, mode=Mode.LIVE, state__in=IN_FLIGHT).exists()


def _standing(delegate: Delegate, reading: Reading, now: dt.datetime) -> dict[str, dt.datetime | None]:
    """Since when the two differ, and since when that is beyond a block's lag."""
    subject = f"delegate {delegate.pk}"
    if not reading.differs or reading.on_chain is None:
        if delegate.funds_disputed_since is not None:
            alarms.lift(alarms.Kind.CHAIN, subject)
        return {"funds_differ_since": None, "funds_disputed_since": None}
    since, disputed = delegate.funds_differ_since or now, delegate.funds_disputed_since
    if disputed is None and now - since >= BEYOND_LAG:
        disputed, told, found = now, reading.told, reading.on_chain
        detail = (
            f"balance: the venue says {told.balance_usd}, the chain {found.balance_usd}; "
            f"allowance: {told.allowance_usd} and {found.allowance_usd}"
        )
        alarms.raise_alarm(alarms.Kind.CHAIN, subject, detail)
    return {"funds_differ_since": since, "funds_disputed_since": disputed}
