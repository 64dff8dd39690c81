"""Entries appended at the same time form one chain without gaps."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from vanta import audit
from vanta.models import AuditEntry

WRITERS, ENTRIES_EACH = 8, 12


@pytest.mark.django_db(transaction=True)
def test_concurrent_writers_leave_one_gapless_chain() -> None:
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(append_some, range(WRITERS)))
    report = audit.verify()
    assert (report.intact, report.count) == (True, WRITERS * ENTRIES_EACH)
    assert AuditEntry.objects.values("actor").distinct().count() == WRITERS


def append_some(writer: int) -> None:
    try:
        for number in range(ENTRIES_EACH):
            with transaction.atomic():
                audit.append(actor=f"writer {writer}", action="note", subject=str(number))
    finally:
        connection.close()
