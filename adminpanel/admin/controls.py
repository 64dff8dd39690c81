"""The append-only records of what was switched and changed."""

from django.contrib import admin
from unfold.decorators import display

from adminpanel.admin.base import ReadOnlyAdmin
from adminpanel.admin.columns import MODE_COLOURS, badge_column, json_column, money, text_column, time_column
from adminpanel.standing import TRADING_STATE_COLOURS
from risk.models import CanaryCapChange, EnvironmentLimits, ExecutionModeChange, TradingStateChange

LIMITS_COLOURS = {"looser": "danger", "acknowledged": "warning", "tighter": "success", "baseline": "info"}


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


@admin.register(CanaryCapChange)
class CanaryCapChangeAdmin(ReadOnlyAdmin):
    """What one LIVE order was allowed, in place of the setting, since when and why."""

    nothing_yet = "The setting CANARY_MAX_NOTIONAL_USD holds."
    list_display = ("changed", "cap", "actor", "why")
    search_fields = ("actor", "reason")
    fieldsets = ((None, {"fields": (("cap", "changed", "actor"), "why")}),)
    changed = time_column("created_at", "at")
    why = text_column("reason")

    @display(description="at most", ordering="max_notional_usd")  # type: ignore[untyped-decorator]
    def cap(self, change: CanaryCapChange) -> str:
        """In USDC, or that there is none."""
        return "no cap" if change.max_notional_usd is None else money(change.max_notional_usd)


@admin.register(EnvironmentLimits)
class EnvironmentLimitsAdmin(ReadOnlyAdmin):
    """The limits that processes were started with; looser ones are acknowledged under Controls."""

    list_display = ("started", "kind_badge", "actor", "why")
    list_filter = ("kind",)
    search_fields = ("actor", "reason")
    fieldsets = ((None, {"fields": (("kind_badge", "started", "actor"), "why", "stated")}),)
    started = time_column("created_at", "at")
    why = text_column("reason")
    kind_badge = badge_column("kind", LIMITS_COLOURS, "what")
    stated = json_column("limits")
