"""What pages may load, as django-csp takes it. Plain data for the settings; nothing of Django is imported here.

Under /admin/ unfold's Alpine and htmx evaluate what stands in attributes ('unsafe-eval'), and its pages style elements
where they stand. No page runs a script that stands in it, and none loads anything from elsewhere.
"""

from typing import Any

ADMIN = "/admin/"
SELF, NONE, DATA = "'self'", "'none'", "data:"

STRICT: dict[str, Any] = {
    "default-src": [NONE],
    "script-src": [SELF],
    "style-src": [SELF],
    "img-src": [SELF, DATA],
    "font-src": [SELF],
    "connect-src": [SELF],
    "base-uri": [NONE],
    "form-action": [SELF],
    "frame-ancestors": [NONE],
}
OF_ADMIN: dict[str, Any] = {"script-src": [SELF, "'unsafe-eval'"], "style-src": [SELF, "'unsafe-inline'"]}
POLICY: dict[str, Any] = {"DIRECTIVES": STRICT}
# What no page of ours asks a browser for.
DENIED = ("accelerometer", "camera", "geolocation", "gyroscope", "magnetometer", "microphone", "payment", "usb")
PERMISSIONS = ", ".join(f"{feature}=()" for feature in DENIED)
