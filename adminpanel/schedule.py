"""When beat looks for what admins have to be told. Plain values: the settings merge them."""

from typing import Any

from celery.schedules import crontab

INTERVAL_S = 5


def _every_few_seconds(task: str) -> dict[str, Any]:
    options = {"queue": "maintenance", "expires": INTERVAL_S}
    return {"task": f"adminpanel.tasks.{task}", "schedule": INTERVAL_S, "options": options}


BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "tell-losses": _every_few_seconds("tell_losses"),
    "tell-venue-alarms": _every_few_seconds("tell_venue_alarms"),
    "tell-stream": _every_few_seconds("tell_stream"),
    "remind-of-reviews": {
        "task": "adminpanel.tasks.remind_of_reviews",
        "schedule": crontab(minute=0, hour=8, day_of_week="mon"),
        "options": {"queue": "maintenance", "expires": 3600},
    },
}
