"""The page at `/`: what this is, how it stands, where to go."""

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from risk import execution_mode, trading_state
from risk.trading_state import TradingState

STATE_MEANINGS = {
    TradingState.ACTIVE: "Openings and closings are accepted.",
    TradingState.REDUCING: "Only what reduces risk is accepted.",
    TradingState.HALTED: "Nothing is sent to a venue.",
}


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Links, the trading state and the execution mode. Answers also while the database is away."""
    state = trading_state.current()
    context = {"state": state, "state_meaning": STATE_MEANINGS[state], "mode": _mode(), "links": _links()}
    return render(request, "adminpanel/home.html", context)


def _mode() -> str:
    try:
        return execution_mode.current().value
    except DatabaseError:
        return "unknown"  # the state says HALTED for the same reason


def _links() -> list[dict[str, str]]:
    chat = {
        "title": "Chat",
        "url": settings.SANDBOX_URL,
        "text": "Trade in a chat like Telegram's, with paper money and prices that move.",
    }
    return [
        *([chat] if settings.SANDBOX_URL else []),
        {"title": "Admin", "url": reverse("admin:index"), "text": "Traders, orders, positions, the ledger."},
        {"title": "Flower", "url": settings.FLOWER_URL, "text": "Workers, queues and tasks."},
        {"title": "Health", "url": reverse("readyz"), "text": "Every check with its status and latency."},
        {"title": "Metrics", "url": reverse("metrics"), "text": "Figures for Prometheus."},
    ]
