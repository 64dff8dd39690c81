"""What beat does for trading. Plain values: settings merge them. The dispatcher, not beat, finds due rows."""

from typing import Any

BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "expire-drafts": {
        "task": "trading.tasks.expire_drafts",
        "schedule": 5,
        "options": {"queue": "maintenance", "expires": 5},
    },
    "open-days": {
        "task": "trading.tasks.open_days",
        "schedule": 10,
        "options": {"queue": "maintenance", "expires": 10},
    },
    "watch-days": {
        "task": "trading.tasks.watch_days",
        "schedule": 3,
        "options": {"queue": "maintenance", "expires": 3},
    },
    "accrue-funding": {
        "task": "trading.tasks.accrue_funding",
        "schedule": 60,
        "options": {"queue": "maintenance", "expires": 60},
    },
    "liquidate-crossed": {
        "task": "trading.tasks.liquidate_crossed",
        "schedule": 1,
        "options": {"queue": "orders", "expires": 1},
    },
    "watch-delegates": {
        "task": "trading.tasks.watch_delegates",
        "schedule": 60,
        "options": {"queue": "maintenance", "expires": 60},
    },
    "signing-canary": {
        "task": "trading.tasks.signing_canary",
        "schedule": 5,
        "options": {"queue": "signing", "expires": 10},
    },
    "reconcile-accounts": {
        "task": "trading.tasks.reconcile_accounts",
        "schedule": 10,
        "options": {"queue": "maintenance", "expires": 10},
    },
    "check-receipts": {
        "task": "trading.tasks.check_receipts",
        "schedule": 5,
        "options": {"queue": "maintenance", "expires": 5},
    },
    "check-invariants": {
        "task": "trading.tasks.check_invariants",
        "schedule": 60,
        "options": {"queue": "maintenance", "expires": 60},
    },
    "canary": {
        "task": "trading.tasks.canary",
        "schedule": 2,
        "options": {"queue": "orders", "expires": 10},
    },
}
