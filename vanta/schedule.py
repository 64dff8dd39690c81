"""What beat does for the system itself. Plain values: the settings merge them."""

from typing import Any

BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "observe-chain": {
        "task": "vanta.tasks.observe_chain",
        "schedule": 10,
        "options": {"queue": "maintenance", "expires": 10},
    },
    "verify-audit": {
        "task": "vanta.tasks.verify_audit",
        "schedule": 60,
        "options": {"queue": "maintenance", "expires": 60},
    },
}
