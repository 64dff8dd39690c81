"""Putting every delegate's data key under the current key-encryption key, while everything runs.

A batch is a transaction: whenever it is killed, each key is whole and under the old key or the new one, and the next
run goes on with what is left. The audit log has its begin, each batch, and its end with the counts: one without an end
was interrupted.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from django.db import transaction
from django.db.models import QuerySet

from trading.errors import KeyUnavailable
from trading.keys import delegate_keys
from trading.models import Delegate
from vanta import audit

log = structlog.get_logger(__name__)
BATCH = 20


@dataclass(frozen=True, slots=True)
class Rotated:
    """What one batch did: the delegates' ids, those whose key does not open with the ring apart."""

    rewrapped: Sequence[int]
    unreadable: Sequence[int]


def rotate(actor: str) -> Iterator[Rotated]:
    """Batch after batch until every key is under the current one. Raises KeyUnavailable where there is no ring."""
    ring = delegate_keys.keyring()
    if not ring:
        raise KeyUnavailable("no_key_encryption_keys")
    last_id, rewrapped, unreadable = 0, 0, 0
    _record(actor, "keys.rotate_begin", {"key_id": ring.current_id, "to_rewrap": left_behind()})
    while batch := _ids_after(last_id, ring.current_id):
        last_id = batch[-1]
        done = _rotate_batch(batch, ring.current_id, actor)
        rewrapped, unreadable = rewrapped + len(done.rewrapped), unreadable + len(done.unreadable)
        yield done
    counts = {"rewrapped": rewrapped, "unreadable": unreadable, "left": left_behind()}
    _record(actor, "keys.rotate_end", {"key_id": ring.current_id, **counts})


@transaction.atomic
def _record(actor: str, action: str, after: Mapping[str, Any]) -> None:
    audit.append(actor=actor, action=action, subject="delegate_keys", after=after)


def left_behind() -> int:
    """How many keys are not under the current key-encryption key."""
    return _under_others(delegate_keys.keyring().current_id).count()


def _under_others(current_id: str) -> QuerySet[Delegate]:
    return Delegate.objects.filter(wrapped_key__isnull=False).exclude(key_id=current_id)


def _ids_after(last_id: int, current_id: str) -> list[int]:
    return list(_under_others(current_id).filter(pk__gt=last_id).order_by("pk").values_list("pk", flat=True)[:BATCH])


@transaction.atomic
def _rotate_batch(ids: Sequence[int], current_id: str, actor: str) -> Rotated:
    """Waits for rows that somebody else holds: the signing worker holds none for longer than a statement."""
    rewrapped, unreadable = [], []
    for delegate in _under_others(current_id).filter(pk__in=ids).select_for_update().order_by("pk"):
        try:
            delegate_keys.rewrap(delegate)
        except KeyUnavailable as error:
            log.warning("key_not_rotated", delegate_id=delegate.pk, code=error.code, reason=str(error))
            unreadable.append(delegate.pk)
            continue
        delegate.save(update_fields=["wrapped_key", "key_id"])
        rewrapped.append(delegate.pk)
    if rewrapped:
        after = {"key_id": current_id, "delegates": rewrapped}
        audit.append(actor=actor, action="keys.rotate", subject="delegate_keys", after=after)
    return Rotated(rewrapped, unreadable)
