"""How the admin is guarded, as Django, axes, django-otp and django-csp take it. Plain data for the settings."""

import datetime as dt
from typing import Any

from adminpanel.content_policy import POLICY

FAILURES = 5


def access_settings(*, lock_minutes: int) -> dict[str, Any]:
    """Settings by name.

    The log-in locks a name for an address, and never for all: nobody locks a super admin out from elsewhere. A further
    try does not prolong it. Who logged in is in the audit log, so axes keeps failures alone.
    """
    return {
        "AUTHENTICATION_BACKENDS": ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"],
        "AXES_FAILURE_LIMIT": FAILURES,
        "AXES_LOCKOUT_PARAMETERS": [["username", "ip_address"]],
        "AXES_COOLOFF_TIME": dt.timedelta(minutes=lock_minutes),
        "AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT": False,
        "AXES_RESET_ON_SUCCESS": True,
        "AXES_CLIENT_IP_CALLABLE": "adminpanel.lockout.client_address",
        "AXES_LOCKOUT_CALLABLE": "adminpanel.lockout.locked_page",
        "AXES_SENSITIVE_PARAMETERS": ["username", "ip_address", "code", "csrfmiddlewaretoken"],
        "AXES_DISABLE_ACCESS_LOG": True,
        "AXES_ENABLE_ADMIN": False,
        "AXES_VERBOSE": False,
        "OTP_TOTP_ISSUER": "Vanta",
        "CONTENT_SECURITY_POLICY": POLICY,
        "SECURE_REFERRER_POLICY": "same-origin",
    }
