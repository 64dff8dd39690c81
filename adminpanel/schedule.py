"""When beat looks for what admins have to be told. Plain values: the settings merge them."""

from typing import Any

INTERVAL_S = 15

BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "tell-admins": {
        "task": "adminpanel.tasks.tell_admins",
        "schedule": INTERVAL_S,
        "options": {"queue": "maintenance", "expires": INTERVAL_S},
    },
}
