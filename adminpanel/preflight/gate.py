"""Whether real money may be switched on, by the last preflight. The web process asks: no check is imported here."""

import datetime as dt

from adminpanel.models import PreflightRun
from vanta import clock

FRESH = dt.timedelta(hours=1)
COMMAND = "run manage.py preflight"


def latest_complete_run() -> PreflightRun | None:
    """The last one in which no check was left out."""
    return PreflightRun.objects.filter(is_complete=True).order_by("-at", "-pk").first()


def live_blockers() -> list[str]:
    """Why LIVE may not be switched on now, each a sentence with what to do; empty where it may."""
    run = latest_complete_run()
    if run is None:
        return [f"Preflight was never run whole: {COMMAND}."]
    blockers = []
    if clock.now() - run.at > FRESH:
        blockers.append(f"The last preflight is of {run.at:%Y-%m-%d %H:%M} UTC, older than an hour: {COMMAND}.")
    blockers += [f"Preflight is red on {found['name']}: {found['saw']}" for found in run.red()]
    return blockers
