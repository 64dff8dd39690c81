"""The admin's sidebar. Plain data: the settings take it as UNFOLD["SIDEBAR"], so nothing of Django is imported here."""

from typing import Any

FEEDS_PAGE = "/admin/feeds/live/"
LIMITS_PAGE = "/admin/risk/limits/"
CONTROLS_PAGE = "/admin/controls/"


def _item(title: str, icon: str, model: str) -> dict[str, Any]:
    return {"title": title, "icon": icon, "link": f"/admin/{model}/"}


SIDEBAR: dict[str, Any] = {
    "show_search": True,
    "show_all_applications": False,
    "navigation": [
        {
            "items": [
                {"title": "Dashboard", "icon": "dashboard", "link": "/admin/"},
                {"title": "Controls", "icon": "tune", "link": CONTROLS_PAGE},
            ],
        },
        {
            "title": "Trading",
            "separator": True,
            "items": [
                _item("Traders", "group", "trading/trader"),
                _item("Delegates", "vpn_key", "trading/delegate"),
                _item("Orders", "receipt_long", "trading/order"),
                _item("Positions", "candlestick_chart", "trading/position"),
                _item("Fills", "done_all", "trading/fill"),
                _item("Receipts", "fact_check", "trading/receipt"),
                _item("Ledger", "account_balance", "trading/ledgertransaction"),
            ],
        },
        {
            "title": "Markets",
            "separator": True,
            "items": [
                {"title": "Feeds", "icon": "cell_tower", "link": FEEDS_PAGE},
                _item("Markets", "storefront", "feeds/market"),
                _item("Last marks", "show_chart", "feeds/lastmark"),
                _item("Lost prices", "signal_disconnected", "feeds/consensusloss"),
                _item("Alerts", "notifications", "adminpanel/alert"),
            ],
        },
        {
            "title": "Messages",
            "separator": True,
            "items": [
                _item("Outbox", "outbox", "trading/outboxmessage"),
                _item("Telegram updates", "inbox", "trading/telegramupdate"),
            ],
        },
        {
            "title": "Risk and controls",
            "separator": True,
            "items": [
                {"title": "Limits", "icon": "speed", "link": LIMITS_PAGE},
                _item("Risk policies", "shield", "risk/riskpolicy"),
                _item("Day openings", "lock_clock", "trading/dayopening"),
                _item("Trading state", "emergency_home", "risk/tradingstatechange"),
                _item("Execution mode", "toggle_on", "risk/executionmodechange"),
                _item("Canary cap", "straighten", "risk/canarycapchange"),
                _item("Environment’s limits", "settings_alert", "risk/environmentlimits"),
                _item("Preflight", "checklist", "adminpanel/preflightrun"),
                _item("Venue alarms", "e911_emergency", "trading/venuealarm"),
                _item("Venue identities", "fingerprint", "trading/venueidentity"),
                _item("Broken invariants", "crisis_alert", "trading/invariantbreach"),
                _item("Audit log", "policy", "vanta/auditentry"),
            ],
        },
        {
            "title": "People",
            "separator": True,
            "items": [
                _item("Users", "person", "auth/user"),
                _item("Groups", "badge", "auth/group"),
            ],
        },
    ],
}
