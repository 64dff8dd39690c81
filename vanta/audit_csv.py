"""The audit log as CSV, entry by entry, for people and their spreadsheets.

An export is itself an entry, appended before the first line is read: nothing leaves unseen, and what comes after that
entry is not in it. Rows are read in pages by their number, so that a long log holds up neither memory nor a snapshot.
"""

import csv
import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from vanta import audit
from vanta.models import AuditEntry

COLUMNS = (
    "seq",
    "created_at",
    "actor",
    "action",
    "subject",
    "before",
    "after",
    "reason",
    "trace_id",
    "previous_hmac",
    "hmac",
)
ACTION = "audit.export"
PAGE = 1000
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries: those from `since` to before `until`, and of these only what is named exactly."""

    since: dt.datetime
    until: dt.datetime
    actor: str = ""
    action: str = ""
    trace_id: str = ""

    def entries(self) -> QuerySet[AuditEntry]:
        """In no order."""
        named = {name: value for name in ("actor", "action", "trace_id") if (value := getattr(self, name))}
        return AuditEntry.objects.filter(created_at__gte=self.since, created_at__lt=self.until, **named)


class _Line:
    """What `csv` writes to: it keeps the last line."""

    text = ""

    def write(self, text: str) -> None:
        self.text = text


def export(wanted: Wanted, *, actor: str) -> Iterator[str]:
    """The lines, the columns' names first. The entry about it is written at once, before any line is asked for."""
    with transaction.atomic():
        after = {name: value for name, value in asdict(wanted).items() if value}
        own = audit.append(actor=actor, action=ACTION, subject="audit log", after=after)
    return _lines(wanted.entries().filter(seq__lte=own.seq))


def _lines(entries: QuerySet[AuditEntry]) -> Iterator[str]:
    line = _Line()
    writer = csv.writer(line, quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    yield line.text
    last = 0
    while page := list(entries.filter(seq__gt=last).order_by("seq")[:PAGE]):
        for entry in page:
            writer.writerow([_cell(getattr(entry, name)) for name in COLUMNS])
            yield line.text
        last = page[-1].seq


def _cell(value: Any) -> str:
    """As text that no spreadsheet takes for a formula: what looks like one begins with an apostrophe."""
    if value is None:
        return ""
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat(timespec="microseconds")
    text = json.dumps(value, ensure_ascii=False, sort_keys=True) if isinstance(value, dict | list) else str(value)
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA_STARTS) else text
