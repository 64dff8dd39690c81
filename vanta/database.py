"""How Vanta's processes connect to PostgreSQL. Pure; the settings use it."""

from collections.abc import Mapping
from typing import Any


def connection_options(given: Mapping[str, Any], *, statement_s: int, lock_s: int, idle_s: int) -> dict[str, Any]:
    """libpq's parameters. What a statement, the wait for a lock, and a transaction that says nothing may take, in
    seconds, 0 for no end; `given` comes from the URL (`?sslmode=verify-full`) and wins.
    """
    limits = {"statement_timeout": statement_s, "lock_timeout": lock_s, "idle_in_transaction_session_timeout": idle_s}
    return {
        "connect_timeout": 3,
        "application_name": "vanta",
        "keepalives_idle": 10,
        "tcp_user_timeout": 5000,
        "options": " ".join(f"-c {name}={seconds}s" for name, seconds in limits.items()),
        **given,
    }
