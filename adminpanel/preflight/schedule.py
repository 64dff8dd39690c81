"""When super admins are reminded of reviews. Plain values: the settings merge them."""

from typing import Any

from celery.schedules import crontab

BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "remind-of-reviews": {
        "task": "adminpanel.tasks.remind_of_reviews",
        "schedule": crontab(minute=0, hour=8, day_of_week="mon"),
        "options": {"queue": "maintenance", "expires": 3600},
    },
}
