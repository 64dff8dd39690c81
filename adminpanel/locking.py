"""When the log-in locks, as django-axes takes it. Plain data for the settings; `adminpanel.lockout` is what it asks."""

import datetime as dt
from typing import Any

FAILURES = 5


def locking_settings(minutes: int) -> dict[str, Any]:
    """axes's settings, by name.

    A name is locked for an address, and never for all: nobody locks a super admin out from elsewhere. A further try does
    not prolong it. Who logged in is in the audit log, so axes keeps failures alone.
    """
    return {
        "AXES_FAILURE_LIMIT": FAILURES,
        "AXES_LOCKOUT_PARAMETERS": [["username", "ip_address"]],
        "AXES_COOLOFF_TIME": dt.timedelta(minutes=minutes),
        "AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT": False,
        "AXES_RESET_ON_SUCCESS": True,
        "AXES_CLIENT_IP_CALLABLE": "adminpanel.lockout.client_address",
        "AXES_LOCKOUT_CALLABLE": "adminpanel.lockout.locked_page",
        "AXES_SENSITIVE_PARAMETERS": ["username", "ip_address", "code", "csrfmiddlewaretoken"],
        "AXES_DISABLE_ACCESS_LOG": True,
        "AXES_ENABLE_ADMIN": False,
        "AXES_VERBOSE": False,
    }
