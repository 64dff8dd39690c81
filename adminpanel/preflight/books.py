"""Checks of what is kept: the books agree, the audit log is whole, and a dump of both was restored lately."""

import datetime as dt

from adminpanel.preflight.findings import Finding, amber, green, red, shortcoming
from trading import invariants
from trading.models import InvariantLook
from vanta import audit, clock
from vanta.backup import PROVEN
from vanta.models import AuditEntry

LOOKED_WITHIN = dt.timedelta(minutes=5)
FRESH, STALE = dt.timedelta(hours=26), dt.timedelta(days=7)  # a day's dump may be two hours late


def books_agree() -> Finding:
    """Every invariant, asked now, of all rows; and somebody asks them each minute."""
    broken = invariants.breaches()
    if broken:
        first = broken[0]
        return red(f"{len(broken)} rows break invariants: {first.code}, {first.subject}.", "docs/operations.md, Books.")
    last = InvariantLook.objects.order_by("-at").first()
    if last is None or clock.now() - last.at > LOOKED_WITHIN:
        return amber(
            "The books agree, but nobody looks: the last look is old.", "Are beat and worker-maintenance running?"
        )
    return green("The books agree.")


def audit_log() -> Finding:
    """The whole chain, walked."""
    report = audit.verify()
    if not report.intact:
        return red(
            f"The audit log is broken at entry {report.broken_seq}: {report.problem}.",
            "Stop (`halted`), take a copy, and find out who can write to the database.",
        )
    if audit.kept_head() is None and report.count:
        return amber(
            f"{report.count} entries are whole; no head is kept in Redis, so a cut-off end is not seen.",
            "manage.py verify_audit --head with a head from the logs.",
        )
    return green(f"{report.count} entries are whole.")


def backups() -> Finding:
    """The newest dump that was restored and compared; `manage.py backup` writes it down."""
    proven = AuditEntry.objects.filter(action=PROVEN).order_by("-seq").first()
    if proven is None:
        return shortcoming("No backup was ever proven here.", "sh deploy/backup.sh DIRECTORY, from a timer.")
    age = clock.now() - proven.created_at
    told = f"{proven.subject} was restored and compared {_ago(age)} ago."
    if age > STALE:
        return shortcoming(told, "Why did the timer stop? sh deploy/backup.sh DIRECTORY")
    return amber(told, "One a day: sh deploy/backup.sh DIRECTORY, from a timer.") if age > FRESH else green(told)


def _ago(age: dt.timedelta) -> str:
    hours = int(age.total_seconds() // 3600)
    return f"{hours // 24} days" if age.days > 1 else f"{hours} hours" if hours else "less than an hour"
