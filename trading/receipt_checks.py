"""Holding LIVE fills against the chain, after they were booked and in the path of none of them.

The rows are the work, claimed by a lease. A node that is away, behind, or on another chain proves nothing and is asked
again, later each time. What the chain contradicts raises an alarm and stops its trader's openings (`is_contradicted`)
until the chain agrees or a person accepts it.
"""

import datetime as dt
from collections.abc import Sequence

import structlog
from django.db import transaction

from trading import alarms
from trading.errors import OrderNotFound
from trading.models import Intent, Order, Receipt
from trading.venues import chain
from trading.venues.avantis import identity
from trading.venues.avantis.identity import Contracts
from trading.venues.chain import ChainUnreachable, Head, Mined
from vanta import audit, clock

log = structlog.get_logger(__name__)
BATCH = 25
LEASE = dt.timedelta(seconds=120)  # longer than a batch of slow answers
MINED_WITHIN = dt.timedelta(minutes=3)  # of the booking, by the chain's own time
FIRST_PAUSE = dt.timedelta(seconds=5)
LONGEST_PAUSE = dt.timedelta(minutes=10)
LAST_DOUBLING = 8
Outcome = Receipt.Outcome


def check_due() -> int:
    """Look at every receipt whose time has come; how many. Stops where the node gives no answer."""
    count = 0
    while receipts := _claim():
        if not _check(receipts):
            break
        count += len(receipts)
    return count


def accept(order_id: int, *, actor: str, reason: str) -> Receipt:
    """Say that a contradiction is none: openings go on. Raises OrderNotFound where nothing is contradicted."""
    with transaction.atomic():
        contradicted = Receipt.contradicted().filter(fill__order=order_id).select_related("fill")
        receipt = contradicted.select_for_update(of=("self",)).first()
        if receipt is None:
            raise OrderNotFound(order_id=order_id)
        receipt.accepted_at, receipt.next_check_at = clock.now(), None
        receipt.save(update_fields=["accepted_at", "next_check_at"])
        alarms.lift(alarms.Kind.CHAIN, _subject(receipt))
        before = {"outcome": receipt.outcome, "transaction": receipt.transaction_hash}
        audit.append(
            actor=actor, action="receipt.accept", subject=_subject(receipt), before=before, after={}, reason=reason
        )
    return receipt


@transaction.atomic
def _claim() -> list[Receipt]:
    due = Receipt.objects.filter(next_check_at__lte=clock.now()).order_by("next_check_at")
    receipts = list(due.select_for_update(skip_locked=True, of=("self",)).select_related("fill")[:BATCH])
    Receipt.objects.filter(pk__in=[receipt.pk for receipt in receipts]).update(next_check_at=clock.now() + LEASE)
    return receipts


def _check(receipts: Sequence[Receipt]) -> bool:
    """Whether the node could be asked; what it left unanswered waits for its next turn."""
    deadlines = dict(_deadlines(receipts))
    waiting = list(receipts)
    try:
        known = identity.known_contracts()
        newest = chain.head()
        if known is None or newest.chain_id != known.chain_id:
            raise ChainUnreachable(error="not the chain that the venue is on")
        while waiting:
            receipt = waiting[0]
            found = chain.mined(receipt.transaction_hash)
            outcome = judge(found, newest, known, owed_at=receipt.created_at, deadline=deadlines.get(receipt.pk))
            _store(waiting.pop(0), outcome, found)
    except ChainUnreachable as error:
        log.info("receipts_not_told", waiting=len(waiting), error=str(error))
        for receipt in waiting:
            _store(receipt, None, None)
        return False
    return True


def judge(
    found: Mined | None, newest: Head, known: Contracts, *, owed_at: dt.datetime, deadline: dt.datetime | None
) -> Outcome | None:
    """What the chain proves of a fill; None where it proves nothing.

    `newest` was read before `found` was: a transaction that is in no block is missing only where the node has seen
    blocks long after it should have been in one. The venue's storage counts as the venue: which of its contracts
    writes the logs of a fill is unverified.
    """
    if found is None:
        return Outcome.MISSING if newest.at > owed_at + MINED_WITHIN else None
    if not found.succeeded:
        return Outcome.REVERTED
    ours = {address.lower() for address in (known.trading_router, known.trading_storage) if address}
    if not found.contracts & ours:
        return Outcome.OTHER_CONTRACT
    return Outcome.LATE if deadline is not None and found.block_at > deadline else Outcome.OK


def _deadlines(receipts: Sequence[Receipt]) -> list[tuple[int, dt.datetime]]:
    """Until when each fill's message could be executed; those that the venue made by itself had none.

    Nor has the fill of an order that rested.
    """
    intents = Intent.objects.filter(order__fills__receipt__in=receipts, order__order_type=Order.Type.MARKET)
    return list(intents.values_list("order__fills__receipt", "deadline"))


@transaction.atomic
def _store(receipt: Receipt, outcome: Outcome | None, found: Mined | None) -> None:
    row = Receipt.objects.select_for_update(of=("self",)).select_related("fill").get(pk=receipt.pk)
    if row.accepted_at is not None:
        return
    row.looks += 1
    row.next_check_at = None if outcome == Outcome.OK else clock.now() + _pause(row.looks)
    if outcome is not None:
        row.outcome, row.checked_at = outcome, clock.now()
        row.block_number, row.block_at = (found.block_number, found.block_at) if found else (None, None)
    row.save()
    if outcome in Receipt.CONTRADICTED:
        detail = f"{outcome.label}: {row.transaction_hash}" if outcome else ""
        alarms.raise_alarm(alarms.Kind.CHAIN, _subject(row), detail)
    elif outcome == Outcome.OK:
        alarms.lift(alarms.Kind.CHAIN, _subject(row))


def _pause(looks: int) -> dt.timedelta:
    doublings = min(looks, LAST_DOUBLING)
    return min(FIRST_PAUSE * (1 << doublings), LONGEST_PAUSE)


def _subject(receipt: Receipt) -> str:
    return f"order {receipt.fill.order_id}"
