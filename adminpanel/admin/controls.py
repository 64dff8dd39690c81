"""The append-only records of what was switched and changed."""

from django.contrib import admin

from adminpanel.admin.base import ReadOnlyAdmin
from adminpanel.admin.columns import MODE_COLOURS, badge_column, json_column, text_column, time_column
from risk.models import ExecutionModeChange, TradingStateChange
from vanta.models import AuditEntry

TRADING_STATE_COLOURS = {"active": "success", "reducing": "warning", "halted": "danger"}


@admin.register(TradingStateChange)
class TradingStateChangeAdmin(ReadOnlyAdmin):
    """When trading was stopped and started, by whom and why."""

    list_display = ("changed", "state_badge", "actor", "why")
    list_filter = ("state",)
    search_fields = ("actor", "reason")
    fieldsets = ((None, {"fields": (("state_badge", "changed", "actor"), "why")}),)
    changed = time_column("created_at", "at")
    why = text_column("reason")
    state_badge = badge_column("state", TRADING_STATE_COLOURS, "state")


@admin.register(ExecutionModeChange)
class ExecutionModeChangeAdmin(ReadOnlyAdmin):
    """When the system went DRY or LIVE, by whom and why."""

    list_display = ("changed", "mode_badge", "actor", "why")
    list_filter = ("mode",)
    search_fields = ("actor", "reason")
    fieldsets = ((None, {"fields": (("mode_badge", "changed", "actor"), "why")}),)
    changed = time_column("created_at", "at")
    why = text_column("reason")
    mode_badge = badge_column("mode", MODE_COLOURS, "mode")


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Who changed what; `manage.py verify_audit` proves that nobody edited it."""

    list_display = ("seq", "created", "actor", "action", "subject", "why", "trace")
    list_filter = ("action",)
    search_fields = ("actor", "action", "subject", "reason", "=trace_id")
    fieldsets = (
        (None, {"fields": (("seq", "created", "actor"), ("action", "subject", "trace"), "why")}),
        ("Change", {"fields": (("before_shown", "after_shown"),)}),
        ("Chain", {"fields": ("previous_hmac", "hmac")}),
    )
    created = time_column("created_at", "at")
    why = text_column("reason")
    trace = text_column("trace_id")
    before_shown = json_column("before")
    after_shown = json_column("after")
