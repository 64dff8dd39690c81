"""When beat looks for what admins have to be told. Plain values: the settings merge them."""

from typing import Any

from celery.schedules import crontab

INTERVAL_S = 15

BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "tell-admins": {
        "task": "adminpanel.tasks.tell_admins",
        "schedule": INTERVAL_S,
        "options": {"queue": "maintenance", "expires": INTERVAL_S},
    },
    "remind-of-reviews": {
        "task": "adminpanel.tasks.remind_of_reviews",
        "schedule": crontab(minute=0, hour=8, day_of_week="mon"),
        "options": {"queue": "maintenance", "expires": 3600},
    },
}
