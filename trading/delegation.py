"""What the signing worker does for delegates: make the key, register it at the venue, see whether it still holds.

The rows are the work, claimed by a lease. Every step is committed before the next; the venue is asked outside any
transaction, and what it said counts only where the row is still as it was. Registering is exactly once by its bytes:
the signed transaction is committed before it first leaves, and nothing else is ever submitted.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import asdict

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F

from trading import wallet_funds
from trading.delegate_endings import CHAIN_ID, end_delegate, owe_news, record
from trading.errors import KeyUnavailable
from trading.keys import delegate_keys
from trading.keys.active import wallet_in_use
from trading.models import Delegate, DelegateRelay
from trading.venues import avantis_delegation as venue
from trading.venues.avantis_delegation import Contracts, VenueUnreachable
from vanta import clock

log = structlog.get_logger(__name__)
LEASE = dt.timedelta(seconds=60)
SIGN_WITHIN = dt.timedelta(minutes=20)  # the request's deadline, after which the venue refuses it
AFTER_DEADLINE = dt.timedelta(minutes=2)  # until nothing can become of it any more
POLL = dt.timedelta(seconds=2)
RETRY = dt.timedelta(seconds=5)
LOOK = dt.timedelta(minutes=5)  # between two looks at an active delegate
SURELY_GONE = dt.timedelta(seconds=60)  # one odd answer must not delete a key
SET_ASIDE = dt.timedelta(seconds=60)
Status = Delegate.Status


def drain(may_go_on: Callable[[], bool] = lambda: True) -> bool:
    """Look after delegates that are due, as long as `may_go_on`; answers whether some may be left.

    Harmless to call at any time, from any number of signing workers.
    """
    while may_go_on():
        delegate = _claim()
        if delegate is None:
            return False
        look_after(delegate)
    return True


@transaction.atomic
def _claim() -> Delegate | None:
    """One at a time: a step takes some HTTP calls, and the lease must outlast it."""
    due = Delegate.objects.filter(status__in=Delegate.OPEN, next_check_at__lte=clock.now())
    delegate = due.select_for_update(skip_locked=True, of=("self",)).order_by("next_check_at").first()
    if delegate is not None:
        delegate.next_check_at = clock.now() + LEASE
        delegate.save(update_fields=["next_check_at"])
    return delegate


def look_after(delegate: Delegate) -> None:
    """The next step of one delegate; whatever stops it is tried again later and stops no other."""
    steps: dict[str, Callable[[Delegate], dt.timedelta]] = {
        Status.REQUESTED: _prepare,
        Status.PREPARED: _end_unsigned,
        Status.SIGNED: _register,
        Status.ACTIVE: _observe,
    }
    leased_until = delegate.next_check_at
    try:
        again_in = steps[delegate.status](delegate)
    except VenueUnreachable as error:
        log.warning("delegate_waits", delegate_id=delegate.pk, status=delegate.status, reason=str(error))
        again_in = RETRY
    except (OperationalError, InterfaceError):
        raise  # the database went away: the lease ends by itself
    except KeyUnavailable as error:
        log.error("delegate_key_unavailable", delegate_id=delegate.pk, reason=str(error))
        again_in = SET_ASIDE
    except Exception:
        log.exception("delegate_failed", delegate_id=delegate.pk, status=delegate.status)
        again_in = SET_ASIDE
    # Whoever changed the row meanwhile (the wallet's signature, a tap) has set its own time.
    leased = Delegate.objects.filter(pk=delegate.pk, next_check_at=leased_until)
    leased.update(next_check_at=clock.now() + again_in)


def _prepare(delegate: Delegate) -> dt.timedelta:
    """Make the key and the exact request for the wallet to sign."""
    if venue.is_contract(delegate.wallet_address):
        return _fail(delegate, "contract_wallet")
    contracts = venue.contracts()
    if contracts.chain_id != CHAIN_ID:
        return _fail(delegate, "another_chain")
    deadline = clock.now() + SIGN_WITHIN
    delegate.address, private_key = delegate_keys.generate()
    try:
        delegate_keys.seal(delegate, private_key)
    finally:
        delegate_keys.wipe(private_key)
    asked = venue.request(
        venue=contracts,
        wallet=delegate.wallet_address,
        delegate=delegate.address,
        expires_at=_expiry(delegate),
        deadline=deadline,
    )
    delegate.request = {**asked, "contracts": asdict(contracts), "deadline": deadline.isoformat()}
    delegate.status, delegate.next_check_at = Status.PREPARED, deadline
    with transaction.atomic():
        if _is_still(delegate, Status.REQUESTED):
            delegate.save(update_fields=["address", "wrapped_key", "key_id", "request", "status", "next_check_at"])
            log.info("delegate_prepared", delegate_id=delegate.pk, address=delegate.address)
    return SIGN_WITHIN


def _end_unsigned(delegate: Delegate) -> dt.timedelta:
    left = _deadline(delegate) - clock.now()
    return _fail(delegate, "not_signed") if left <= dt.timedelta(0) else left


def _register(delegate: Delegate) -> dt.timedelta:
    """Bring the wallet's request to the venue, and find out by its effect whether it got there."""
    known = venue.delegation(delegate.wallet_address, delegate.address)
    if known.is_enabled and known.may_sign:
        if wallet_in_use(delegate.trader_id) not in (None, delegate.wallet_address):
            return _fail(delegate, "open_on_another_wallet")  # opened since this wallet was proven
        return _activate(delegate, known.expires_at_s)
    if clock.now() > _deadline(delegate) + AFTER_DEADLINE:
        return _fail(delegate, "not_registered")
    relay = _relay_of(delegate)
    if relay is None:
        return POLL
    if relay.request_id:
        return _follow(relay)
    DelegateRelay.objects.filter(pk=relay.pk).update(attempts=F("attempts") + 1)
    request_id = venue.submit(relay.tx_params, delegate.wallet_address)
    DelegateRelay.objects.filter(pk=relay.pk).update(request_id=request_id[:100])
    log.info("delegate_submitted", delegate_id=delegate.pk, request_id=request_id)
    return POLL


def _follow(relay: DelegateRelay) -> dt.timedelta:
    """What the relayer says of the last submission.

    Where that is over, or forgotten, without an effect, the same bytes go again: they cannot be executed twice.
    """
    submitted = DelegateRelay.objects.filter(pk=relay.pk)
    try:
        state = venue.relay_state(relay.request_id)
    except VenueUnreachable:
        submitted.update(request_id="")
        raise
    if not state.is_settled:
        return POLL
    log.info("delegate_relay_settled", delegate_id=relay.delegate_id, succeeded=state.succeeded)
    submitted.update(request_id="", tx_hash=state.tx_hash)
    return POLL


def _relay_of(delegate: Delegate) -> DelegateRelay | None:
    """The transaction that registers it, signed and committed the first time; None where the row has moved on."""
    relay = DelegateRelay.objects.filter(delegate=delegate).first()
    if relay is not None:
        return relay
    exec_nonce = venue.new_exec_nonce()
    with delegate_keys.private_key(delegate) as private_key:
        tx_params = venue.registration(
            venue=Contracts(**delegate.request["contracts"]),
            private_key=private_key,
            request=delegate.request,
            wallet_signature=delegate.request_signature,
            exec_nonce=exec_nonce,
        )
    with transaction.atomic():
        if not _is_still(delegate, Status.SIGNED):
            return None
        relay, _ = DelegateRelay.objects.get_or_create(
            delegate=delegate,
            defaults={"signer_address": delegate.address, "exec_nonce": exec_nonce, "tx_params": tx_params},
        )
    return relay


@transaction.atomic
def _activate(delegate: Delegate, expires_at_s: int) -> dt.timedelta:
    """The venue knows it: it takes the place of the trader's delegate before, whose key is deleted."""
    others = Delegate.objects.select_for_update().filter(trader_id=delegate.trader_id).order_by("pk")
    rows = {row.pk: row for row in others}
    if rows[delegate.pk].status != Status.SIGNED:
        return LOOK
    for row in rows.values():
        if row.status == Status.ACTIVE:
            row.end(Status.REVOKED, "replaced")
            row.save(update_fields=Delegate.ENDING)
    delegate.status, delegate.activated_at, delegate.next_check_at = Status.ACTIVE, clock.now(), clock.now()
    if expires_at_s < _expiry(delegate).timestamp():
        delegate.expires_at = dt.datetime.fromtimestamp(expires_at_s, dt.UTC)
    delegate.save(update_fields=["status", "activated_at", "next_check_at", "expires_at"])
    owe_news(delegate, "active")
    record(delegate, "delegate.activate", actor="signing")
    return dt.timedelta(0)


def _observe(delegate: Delegate) -> dt.timedelta:
    """Whether the venue still knows it and lets it sign, and what the wallet allows."""
    known = venue.delegation(delegate.wallet_address, delegate.address)
    if not (known.is_enabled and known.may_sign):
        return _doubt(delegate)
    reading = wallet_funds.read(delegate)
    with transaction.atomic():
        if not _is_still(delegate, Status.ACTIVE):
            return LOOK
        Delegate.objects.filter(pk=delegate.pk).update(disabled_since=None)
        differs = wallet_funds.keep(delegate, reading)
        if delegate.allowance_usd == 0 and reading.told.allowance_usd > 0:
            owe_news(delegate, "approved")
    return wallet_funds.LOOK_AGAIN if differs else LOOK


def _doubt(delegate: Delegate) -> dt.timedelta:
    """The venue does not know it (any more): believed when it says so for a while."""
    since = delegate.disabled_since or clock.now()
    if clock.now() - since < SURELY_GONE:
        Delegate.objects.filter(pk=delegate.pk, disabled_since=None).update(disabled_since=since)
        return SURELY_GONE
    return _end(delegate, Status.REVOKED, "revoked_at_venue")


def _fail(delegate: Delegate, reason: str) -> dt.timedelta:
    return _end(delegate, Status.FAILED, reason)


@transaction.atomic
def _end(delegate: Delegate, status: str, reason: str) -> dt.timedelta:
    if _is_still(delegate, *Delegate.OPEN):
        end_delegate(delegate, status, reason, actor="signing")
        owe_news(delegate, "ended")
    return LOOK


def _is_still(delegate: Delegate, *statuses: str) -> bool:
    """Lock the row; whether nobody changed its status since it was read. In a transaction."""
    return Delegate.objects.select_for_update().filter(pk=delegate.pk, status__in=statuses).exists()


def _expiry(delegate: Delegate) -> dt.datetime:
    return delegate.expires_at or clock.now()


def _deadline(delegate: Delegate) -> dt.datetime:
    return dt.datetime.fromisoformat(delegate.request["deadline"])
