"""Risk policies, and the append-only records of what was switched and changed."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from adminpanel.admin.base import ReadOnlyAdmin, VantaAdmin
from adminpanel.admin.columns import MODE_COLOURS, badge_column, json_column, text_column, time_column
from risk.models import ExecutionModeChange, RiskPolicy, TradingStateChange
from vanta import audit
from vanta.models import AuditEntry

TRADING_STATE_COLOURS = {"active": "success", "reducing": "warning", "halted": "danger"}


@admin.register(RiskPolicy)
class RiskPolicyAdmin(VantaAdmin):
    """Limits for some traders. Super users alone write them, with an audit entry; a policy is never deleted."""

    list_display = ("name", "may_loosen", "max_position_size_usd", "max_account_risk_pct", "max_leverage", "created_at")
    search_fields = ("name",)
    actions = None
    fieldsets = (
        (None, {"fields": (("name", "may_loosen"),)}),
        (
            "Size and loss",
            {
                "fields": (
                    ("max_position_size_usd", "max_leverage"),
                    ("max_account_risk_pct", "max_daily_loss_pct"),
                    "liquidation_buffer_pct",
                )
            },
        ),
        ("Prices", {"fields": (("price_max_age_s", "price_max_uncertainty_share"),)}),
        (
            "Pace",
            {"fields": (("opens_per_minute", "trades_per_day"), ("hourly_volume_usd", "daily_volume_usd"))},
        ),
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A policy may loosen limits."""
        return bool(getattr(request.user, "is_superuser", False))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A policy may loosen limits."""
        return self.has_add_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Traders point at it, and so does the audit log."""
        return False

    def save_model(self, request: HttpRequest, obj: RiskPolicy, form: Any, change: bool) -> None:
        """Save it and its audit entry; the page's transaction holds both."""
        before = RiskPolicy.objects.select_for_update().get(pk=obj.pk) if change else None
        super().save_model(request, obj, form, change)
        audit.append(
            actor=f"admin:{request.user.get_username()}",
            action="policy.change" if change else "policy.create",
            subject=f"policy:{obj.pk}",
            before={name: getattr(before, name) for name in form.changed_data} if before else None,
            after={name: getattr(obj, name) for name in form.changed_data},
        )


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
