"""The admin's look: unfold's settings, with Vanta's colours, icon and sidebar. Plain data, imported by the settings."""

from typing import Any

from adminpanel.navigation import SIDEBAR

STATIC = "/static/adminpanel"
EMERALD = {
    "50": "oklch(97.9% .021 166.113)",
    "100": "oklch(95% .052 163.051)",
    "200": "oklch(90.5% .093 164.15)",
    "300": "oklch(84.5% .143 164.978)",
    "400": "oklch(76.5% .177 163.223)",
    "500": "oklch(69.6% .17 162.48)",
    "600": "oklch(52% .12 163.225)",
    "700": "oklch(46% .105 165.612)",
    "800": "oklch(43.2% .095 166.913)",
    "900": "oklch(37.8% .077 168.94)",
    "950": "oklch(26.2% .051 172.552)",
}

LOOK: dict[str, Any] = {
    "SITE_TITLE": "Vanta",
    "SITE_HEADER": "Vanta",
    "SITE_SUBHEADER": "Leveraged perpetuals",
    "SITE_ICON": f"{STATIC}/vanta.svg",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": f"{STATIC}/vanta.svg"}],
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_HISTORY": False,  # the audit log tells who changed what
    "DASHBOARD_CALLBACK": "adminpanel.dashboard.context",
    "STYLES": [f"{STATIC}/admin.css"],
    "COLORS": {"primary": EMERALD},
    "SIDEBAR": SIDEBAR,
    "ACCOUNT": {
        "navigation": [
            {"title": "Your access", "link": "/admin/access/"},
            {"title": "Change password", "link": "/admin/password_change/"},
        ]
    },
}
