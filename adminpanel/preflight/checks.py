"""The go-live list. The names are what `--only` takes and what docs/operations.md explains."""

from functools import partial

from adminpanel.preflight import books, drill, installation, stores, surroundings, telegram, work
from adminpanel.preflight.running import Check

DRILL = "emergency-stop"


def checks(*, is_drill_forced: bool = False) -> tuple[Check, ...]:
    """All, in the order of the table. The drill comes after the others: they find trading as it is."""
    return (
        Check("settings", installation.settings_safe),
        Check("postgresql", stores.postgresql),
        Check("redis", stores.redis_server),
        Check("broker", stores.broker),
        Check("migrations", stores.migrations, timeout_s=20),
        Check("admin-permissions", installation.admin_permissions),
        Check("limits", installation.limits),
        Check("logging", installation.logs_json),
        Check("health-endpoints", surroundings.health_endpoints, timeout_s=15),
        Check("webhook", telegram.webhook, timeout_s=25),
        Check("multi-source-prices", work.prices),
        Check("venue", surroundings.venue, timeout_s=15),
        Check("blockchain", surroundings.blockchain, timeout_s=15),
        Check("clock", surroundings.clocks, timeout_s=15),
        Check("queues", work.work_is_done, timeout_s=20),
        Check("alerts", telegram.alerts, timeout_s=30),
        Check("invariants", books.books_agree, timeout_s=60),
        Check("audit-log", books.audit_log, timeout_s=120),
        Check("backups", books.backups),
        Check(DRILL, partial(drill.emergency_stop, is_forced=is_drill_forced), timeout_s=30, turn=2),
    )
