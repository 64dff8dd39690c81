"""What is wrong with the venue now, and which contracts messages are signed for."""

from typing import Any

from django.contrib import admin

from adminpanel.admin.base import ReadOnlyAdmin
from adminpanel.admin.columns import badge_column, text_column, time_column
from trading.models import VenueAlarm, VenueIdentity

KIND_COLOURS = {
    "unknown_order": "warning",
    "disputed_fill": "danger",
    "identity": "danger",
    "refused": "warning",
    "key": "danger",
    "books": "danger",
    "chain": "danger",
}


@admin.register(VenueAlarm)
class VenueAlarmAdmin(ReadOnlyAdmin):
    """Each lasts until what it is about is mended, and is told once."""

    nothing_yet = "Nothing is wrong with the venue."

    list_display = ("kind_badge", "about", "what", "raised", "told")
    list_filter = ("kind",)
    search_fields = ("subject", "detail", "=trace_id")
    ordering = ("-at",)
    fieldsets: Any = ((None, {"fields": (("kind_badge", "about"), "what", ("raised", "told", "trace"))}),)
    kind_badge = badge_column("kind", KIND_COLOURS, "what is wrong")
    about = text_column("subject", "about")
    what = text_column("detail", "detail")
    raised = time_column("at", "raised")
    told = time_column("told_at", "told")
    trace = text_column("trace_id", "trace")


@admin.register(VenueIdentity)
class VenueIdentityAdmin(ReadOnlyAdmin):
    """Kept at first sight; `manage.py trust_venue --reason …` accepts others."""

    nothing_yet = "No message was signed for a venue yet."

    list_display = ("asked_at", "chain_id", "router", "first_seen")
    fieldsets: Any = (
        (None, {"fields": ("asked_at", ("chain_id", "router"), ("storage", "usdc"), "first_seen", "refused")}),
    )
    asked_at = text_column("address", "asked at")
    router = text_column("trading_router", "router")
    storage = text_column("trading_storage", "storage")
    first_seen = time_column("first_seen_at", "first seen")
